"""Writes down what repeating a run would print and record: see ``kernelpipe.cli.reruns``."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from kernelpipe.backends.local import find_repetition
from kernelpipe.cli import reruns
from kernelpipe.model.names import RunId
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Run
from kernelpipe.runs.database import MIGRATIONS
from kernelpipe.runs.file_digests import is_settled
from kernelpipe.runs.owner import current_owner
from kernelpipe.runs.rows import insert_run


def remember(
    pipeline: Pipeline,
    run: Run,
    words: Sequence[str],
    *,
    files: Sequence[Path],
    describe: Callable[[Run], str],
) -> None:
    """Write down how ``run`` would be repeated, if every step would be found.

    Nothing is written where that is not possible.

    Args:
        pipeline: What was run.
        run: How it went.
        words: All that was asked for.
        files: Files that the request names, the notebook among them.
        describe: Returns what is printed about a run.
    """
    directory = Path(run.directory)
    home = directory.parent.parent
    looked_at = time.time()
    found = find_repetition(pipeline, run, home)
    if found is None:
        return
    with suppress(OSError):
        signatures = reruns.signatures(dict.fromkeys((*map(str, files), *found.paths)))
        if not all(s is None or is_settled(s, looked_at) for s in signatures.values()):
            return
        repeated = _renamed(found.run)
        known = {
            "format": reruns.FORMAT,
            "facts": reruns.facts(words),
            # What kernelpipe itself has just stored nobody else writes.
            "files": signatures | reruns.signatures(dict.fromkeys(found.objects)),
            "variables": found.variables,
            "directory": run.directory,
            "copies": _copies(run),
            "text": describe(repeated),
            "started_at": f'"started_at": {run.started_at!r}',
            "schema": len(MIGRATIONS),
            **_rows(repeated),
            "results": [json.loads(step.facts)["result"] for step in run.steps],
        }
        place = Path(reruns.place(str(home), words))
        place.parent.mkdir(mode=0o700, exist_ok=True)
        draft = place.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(place)


def _renamed(run: Run) -> Run:
    """Return the run under a name that stands for its id, which is in its paths, too."""
    directory = Path(run.directory).parent / reruns.RUN

    def moved(path: str | None) -> str | None:
        inside = path is not None and Path(path).is_relative_to(run.directory)
        return str(directory / Path(str(path)).relative_to(run.directory)) if inside else path

    return replace(
        run,
        id=RunId(reruns.RUN),
        directory=str(directory),
        notebook=moved(run.notebook),
        steps=tuple(replace(step, notebook=moved(step.notebook)) for step in run.steps),
    )


def _copies(run: Run) -> list[str]:
    """Return the names of the files that a run in which every step is found has."""
    paths = [run.notebook, str(Path(run.directory, "source.ipynb"))]
    paths += [step.notebook for step in run.steps]
    return [str(Path(path).relative_to(run.directory)) for path in paths if path is not None]


def _rows(run: Run) -> dict[str, object]:
    """Return the rows that a run has in the index, as column -> value."""
    with closing(sqlite3.connect(":memory:")) as opened:
        for script in MIGRATIONS:
            opened.executescript(script)
        opened.row_factory = sqlite3.Row
        insert_run(opened, run, current_owner())
        (row,) = opened.execute("SELECT * FROM runs").fetchall()
        steps = opened.execute("SELECT * FROM steps ORDER BY position").fetchall()
    return {"run": dict(row), "steps": [dict(step) for step in steps]}
