"""Notebooks that tests open; those that wait let tests decide when a step goes on."""

import shutil
from pathlib import Path

import kit

from browser import polling
from browser.lab import ROOT

STEPS = ("load", "left", "right", "join")
"""The steps of ``diamond`` in the order of the notebook."""

WAIT = """\
import os, pathlib, time
pathlib.Path({gate!r} + ".waiting").write_text(str(os.getpid()))
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
"""


def example(folder: Path, name: str) -> Path:
    """Copy an example to ``folder``."""
    return Path(shutil.copy(ROOT / "example_notebooks" / name, folder / name))


def gated(gate: Path, then: str) -> str:
    """Return a cell that waits until ``gate`` is opened, then does ``then``."""
    return WAIT.format(gate=str(gate)) + then


def wait_at(gate: Path) -> int:
    """Wait until a cell waits at ``gate``; return the process that does."""
    waits = gate.with_name(f"{gate.name}.waiting")
    polling.until(lambda: waits.exists() and waits.read_text(), f"a step at {gate.name}")
    return int(waits.read_text())


def open_gate(*gates: Path) -> None:
    """Let the steps that wait there go on."""
    for gate in gates:
        gate.touch()


def diamond(folder: Path, *, gates: bool = False) -> Path:
    """Write diamond.ipynb: load, then left and right at the same time, then join.

    With ``gates``, left and right wait at "left" and "right" in ``folder``.
    """
    left, right = "low = min(numbers)", "high = max(numbers)"
    if gates:
        left, right = gated(folder / "left", left), gated(folder / "right", right)
    return kit.write(
        folder / "diamond.ipynb",
        kit.markdown("# Four steps"),
        kit.code("count = 5\nlabel = 'demo'\nverbose = True", "parameters"),
        kit.code("numbers = list(range(count))", "step:load"),
        kit.code(left, "step:left", "hide-input"),
        kit.code(right, "step:right"),
        kit.code("span = high - low\nprint(label, span)", "step:join"),
        kit.code("print(span)", "metrics"),
    )


def failing(folder: Path) -> Path:
    """Write failing.ipynb: "split" divides by zero in its second cell; see ``times_run``.

    Not everything depends on what fails: "other" does not, "last" does.
    """
    return kit.write(
        folder / "failing.ipynb",
        kit.code(counted(folder, "load", "whole = 7"), "step:load"),
        kit.code(counted(folder, "other", "half = whole / 2"), "step:other"),
        kit.code(counted(folder, "split", "parts = 0"), "step:split"),
        kit.code("# the second cell of split\nshare = whole / parts"),
        kit.code(counted(folder, "last", "print(share)"), "step:last"),
    )


def counted(folder: Path, step: str, then: str) -> str:
    """Return a cell that leaves a trace of having run in ``folder``, then does ``then``."""
    return f"print('ran', file=open({str(folder / f'ran-{step}')!r}, 'a'))\n{then}"


def times_run(folder: Path) -> dict[str, int]:
    """Return how often the steps with counted cells have run: name -> times."""
    return {
        path.name.removeprefix("ran-"): len(path.read_text().splitlines())
        for path in folder.glob("ran-*")
    }
