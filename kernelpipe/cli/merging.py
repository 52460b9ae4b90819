"""The option that lets linear chains of steps share a pod, and what it did in words."""

from argparse import BooleanOptionalAction
from collections.abc import Mapping, Sequence

from kernelpipe.cli.arguments import ArgumentParser


def add_merge(parser: ArgumentParser) -> None:
    """Declare ``--merge`` and ``--no-merge``; without them the notebook's metadata decide."""
    parser.add_argument(
        "--merge",
        action=BooleanOptionalAction,
        help="run linear chains of steps in one pod each, with the same results",
    )


def describe_merged(merged: Mapping[str, Sequence[str]], count: int) -> str:
    """Return which tasks run several steps; ``count`` is how many steps the pipeline has."""
    tasks = count - sum(len(steps) - 1 for steps in merged.values())
    chains = ", ".join(f"{'+'.join(steps)} -> {task}" for task, steps in merged.items())
    return f"merged {count} steps into {tasks} task{'' if tasks == 1 else 's'}: {chains}"
