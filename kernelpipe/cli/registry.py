"""The commands: their names, what they are for, and how their modules are loaded."""

from argparse import Namespace
from importlib import import_module
from typing import Protocol, cast

from kernelpipe.cli.arguments import ArgumentParser

SUMMARIES = {
    "check": "find what is wrong with notebooks",
    "explain": "tell why one step comes after another, or what a finding means",
    "graph": "show the steps of a notebook and what flows between them",
    "propose": "propose steps for a notebook that has none",
    "plan": "tell which steps a run would execute now, and why",
    "compile": "compile a notebook to the YAML of a Kubeflow pipeline",
    "parity": "tell whether the YAML gives what a run on this machine gives",
    "verify": "tell whether the pipeline gives what the notebook gives, run from top to bottom",
    "run": "run a notebook as a pipeline on this machine",
    "batch": "run a notebook as a pipeline at many points",
    "resume": "continue a run that failed, was stopped or was killed",
    "submit": "run a notebook on a Kubeflow cluster",
    "schedule": "let a Kubeflow cluster run a notebook at times or in intervals",
    "runs": "list, show, compare and stop runs, read their logs, remove them",
    "report": "write a page about a run that opens in any browser, offline",
    "gc": "remove stored results that are no longer wanted",
    "sync": "deliver to MLflow what earlier runs could not",
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
