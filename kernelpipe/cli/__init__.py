"""The ``kernelpipe`` command."""

from kernelpipe.cli.main import main

__all__ = ["main"]
