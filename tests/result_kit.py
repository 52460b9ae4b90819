"""Results and homes for the tests of the store."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.result import FileState, Result, StoredValue, Touched
from kernelpipe.model.run import Metric, Run, RunFacts
from kernelpipe.runs import ResultStore, RunStore
from kernelpipe.runtime.container import header_digest, writing

NOON = 1795262400.0  # 2026-11-21 12:00:00 UTC


def start_run(home: Path, *, facts: RunFacts | None = None, at: float | None = None) -> Run:
    """Record a run of this process; that makes the home."""
    store = RunStore(home) if at is None else RunStore(home, clock=lambda: at)
    return store.create(
        pipeline="churn",
        source=home.parent / "churn.ipynb",
        parameters="{}",
        steps=[StepName("load")],
        facts=facts,
    )


def write_file(path: Path, text: str) -> Path:
    """Write a file, with its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_value(path: Path, content: bytes) -> str:
    """Write a value file and return its digest."""
    with writing(path, {}) as writer, writer.segment(is_big=False):
        writer.write(content)
    return header_digest(path)


def make_result(
    name: str,
    *,
    executed: str,
    values: tuple[StoredValue, ...] = (),
    key: str = "k1",
    step: str = "load",
) -> Result:
    """Return a result with something in every field."""
    return Result(
        id=name,
        key=key,
        source="/nb/churn.ipynb",
        step=StepName(step),
        run_id=RunId("20261121-120000-3f9a"),
        created_at=NOON,
        duration_s=1.5,
        conditions='{"version": 1}',
        values=values,
        executed=executed,
        metrics=(Metric(name="acc", value=0.5), Metric(name="n", value=3)),
        touched=Touched(
            reads=(
                FileState(path="/nb/a.csv", digest="ab12"),
                FileState(path="/nb/caf\udce9", digest=None),
            ),
            writes=(FileState(path="/nb/out.csv", digest="cd34"),),
            environment=(("HOME", "ef56"), ("NONE", None)),
            unseen=("it uses sockets",),
        ),
    )


def store_result(
    home: Path, name: str, text: str, *, clock: float | None = None, key: str = "k1"
) -> Result:
    """Store a result whose executed notebook is ``text`` and nothing else; return it."""
    results = ResultStore(home) if clock is None else ResultStore(home, clock=lambda: clock)
    path = write_file(home / "work" / f"{name}.ipynb", text)
    digest, _ = results.keep_file(path)
    path.unlink()
    result = make_result(name, executed=digest, key=key)
    results.add(result)
    return result


def names(directory: Path) -> list[str]:
    """Return the names in a directory, sorted."""
    return sorted(path.name for path in directory.iterdir())


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an item whenever a file is hashed."""
    found: list[object] = []
    file_digest = hashlib.file_digest

    def count(*arguments: Any) -> object:
        found.append(arguments)
        return file_digest(*arguments)

    monkeypatch.setattr(hashlib, "file_digest", count)
    return found
