"""The commands: their names, what they are for, and how their modules are loaded."""

from argparse import Namespace
from importlib import import_module
from typing import Protocol, cast

from kernelpipe.cli.arguments import ArgumentParser

SUMMARIES = {
    "check": "find what is wrong with notebooks",
    "graph": "show the steps of a notebook and what flows between them",
    "compile": "compile a notebook to the YAML of a Kubeflow pipeline",
    "run": "run a notebook as a pipeline on this machine",
    "runs": "list runs, show a run",
}
"""Commands, in the order in which help shows them."""


class Command(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""

    def execute(self, arguments: Namespace) -> int:
        """Do it and return the exit code."""


def load(name: str) -> Command | None:
    """Return the module of a command, None if there is no such command."""
    if name not in SUMMARIES:
        return None
    return cast("Command", import_module(f"kernelpipe.cli.commands.{name}"))
