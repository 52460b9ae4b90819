"""Measures commands: wall and CPU seconds of whole process trees."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
_NOT_FOR_CHILDREN = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "MLFLOW_TRACKING_URI"}
"""Without compiled modules, imports would be what is measured."""


class CommandFailedError(Exception):
    """A command did not do what was to be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took, with everything that it started."""

    wall_s: float
    cpu_s: float


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that measured commands have."""
    kept = {name: text for name, text in os.environ.items() if name not in _NOT_FOR_CHILDREN}
    return kept | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"} | dict(changes or {})


def cost(words: Sequence[object], *, cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command once.

    Raises:
        CommandFailedError: If it fails.
    """
    ended = subprocess.run(
        [sys.executable, str(PROGRAMS / "tree.py"), *map(str, words)],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(ended.stdout or '{"code": "no answer"}')
    if found["code"] != 0:
        text = " ".join(map(str, words))
        raise CommandFailedError(f"{text}: exit code {found['code']}\n{ended.stderr[-2000:]}")
    return Cost(wall_s=found["wall_s"], cpu_s=found["cpu_s"])


def output(words: Sequence[object], *, cwd: Path) -> str:
    """Run a command and return what it prints.

    Raises:
        CommandFailedError: If it fails.
    """
    command = list(map(str, words))
    ended = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise CommandFailedError(f"{' '.join(command)}:\n{ended.stderr[-2000:]}")
    return ended.stdout


def median_cost(action: Callable[[], Cost], repeats: int = 3) -> Cost:
    """Return medians of repeated measurements."""
    costs = [action() for _ in range(repeats)]
    return Cost(
        wall_s=statistics.median(one.wall_s for one in costs),
        cpu_s=statistics.median(one.cpu_s for one in costs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table; ``limit`` and ``is_ok`` are empty and None for what stands beside us."""

    benchmark: str
    way: str
    measured: str
    limit: str = ""
    is_ok: bool | None = None


def held(benchmark: str, way: str, number: float, most: float, unit: str) -> Line:
    """Return the line of a figure that has a limit."""
    return Line(
        benchmark=benchmark,
        way=way,
        measured=f"{number:.3g} {unit}",
        limit=f"<= {most:.3g} {unit}",
        is_ok=number <= most,
    )


def beside(benchmark: str, way: str, found: Cost) -> Line:
    """Return the line of what a way took."""
    return Line(
        benchmark=benchmark,
        way=way,
        measured=f"{found.wall_s:.2f} s wall, {found.cpu_s:.2f} s CPU",
    )
