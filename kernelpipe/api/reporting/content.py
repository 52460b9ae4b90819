"""Gathers what the report of a run is made of."""

import json
from dataclasses import dataclass
from pathlib import Path

from kernelpipe.analysis import build_pipeline
from kernelpipe.errors import NotebookReadError
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Run, RunFacts
from kernelpipe.notebook import parse_notebook
from kernelpipe.runs.comparing import Comparison, compare
from kernelpipe.runs.notebooks import SNAPSHOT, RecordedCell, read_cells


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """A run, and what it is shown with; None where there is no such thing."""

    run: Run
    pipeline: Pipeline | None
    """What the notebook meant when it was run."""
    cells: tuple[RecordedCell, ...] | None
    other: Run | None
    """The run that it is compared with."""
    comparison: Comparison | None

    @property
    def facts(self) -> RunFacts:
        """Return what is recorded about the run besides its state."""
        found: RunFacts = json.loads(self.run.facts)
        return found


def gather(run: Run, other: Run | None) -> ReportContent:
    """Read the run's files, and those of the run that it is compared with."""
    cells = read_cells(run)
    return ReportContent(
        run=run,
        pipeline=_pipeline(run),
        cells=cells,
        other=other,
        comparison=None if other is None else compare(other, run, cells=(read_cells(other), cells)),
    )


def _pipeline(run: Run) -> Pipeline | None:
    try:
        content = Path(run.directory, SNAPSHOT).read_bytes()
        return build_pipeline(parse_notebook(content, path=run.source))
    except (OSError, NotebookReadError):
        return None
