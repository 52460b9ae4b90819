"""The run store: one directory per run and an index of all runs and their steps."""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kernelpipe.errors import RunError, UsageError, did_you_mean
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Metric, Run, RunState, StepRun
from kernelpipe.runs import rows
from kernelpipe.runs.database import connection
from kernelpipe.runs.owner import current_owner, is_gone

DEFAULT_HOME = ".kernelpipe"
LATEST = "latest"
OWNER_GONE = "the process ended without finishing"
_UNFINISHED = (RunState.PENDING, RunState.RUNNING, RunState.CANCELING)
_WRITABLE_HOME = "name a directory that can be written with --home"
_ID_TRIES = 100


def default_home(notebook: Path) -> Path:
    """Return the home that runs of ``notebook`` use when none is named: beside it."""
    return notebook.absolute().parent / DEFAULT_HOME


class RunStore:
    """Runs under one home directory.

    Nothing is made or written before :meth:`create`. Any number of processes may use one home at
    the same time: every method is one transaction.
    """

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.home = home.absolute()
        self._index = self.home / "index.sqlite"
        self._clock = clock

    def create(
        self, *, pipeline: str, source: Path, parameters: str, steps: Sequence[StepName]
    ) -> Run:
        """Record a new run of this process, RUNNING with every step PENDING; make its directory.

        Args:
            pipeline: Name of the pipeline.
            source: The source notebook.
            parameters: JSON text of name -> value.
            steps: In pipeline order.

        Raises:
            UsageError: If the home cannot be made or written.
        """
        started_at = self._clock()
        try:
            self._prepare()
            directory = self._claim_directory(started_at)
        except OSError as error:
            raise UsageError(
                f"the run directory {self.home} cannot be written: {error.strerror}",
                hint=_WRITABLE_HOME,
            ) from error
        except RunError as error:
            raise UsageError(str(error), hint=_WRITABLE_HOME) from error
        run = Run(
            id=RunId(directory.name),
            pipeline=pipeline,
            source=str(source.absolute()),
            state=RunState.RUNNING,
            started_at=started_at,
            duration_s=None,
            directory=str(directory),
            notebook=None,
            parameters=parameters,
            metrics=(),
            steps=tuple(StepRun(name=name, state=RunState.PENDING) for name in steps),
        )
        with connection(self._index, "write") as opened:
            rows.insert_run(opened, run, current_owner())
        return run

    def record_step(self, run_id: RunId, step: StepRun) -> None:
        """Replace what is recorded about one step of a run."""
        with connection(self._index, "write") as opened:
            rows.update_step(opened, run_id, step, directory=self._directory(run_id))

    def record_run(
        self,
        run_id: RunId,
        state: RunState,
        *,
        notebook: Path | None = None,
        metrics: Sequence[Metric] = (),
        reason: str | None = None,
    ) -> Run:
        """Record the state of a run and return all of it; a final state sets its duration."""
        ended_at = None if state in _UNFINISHED else self._clock()
        directory = self._directory(run_id)
        with connection(self._index, "write") as opened:
            rows.update_run(
                opened,
                run_id,
                state=state,
                reason=reason,
                ended_at=ended_at,
                notebook=rows.relative(None if notebook is None else str(notebook), directory),
                metrics=tuple(metrics),
            )
            return rows.select_runs(opened, self._directory, only=run_id)[0][0]

    def list_runs(self) -> tuple[Run, ...]:
        """Return every run, the newest first; () when there is no home yet."""
        if not self._index.exists():
            return ()
        with connection(self._index, "read") as opened:
            found = rows.select_runs(opened, self._directory)
        return tuple(
            _ended(run) if run.state in _UNFINISHED and is_gone(owner) else run
            for run, owner in found
        )

    def load(self, reference: str) -> Run:
        """Return one run.

        Args:
            reference: A run id, the beginning of exactly one run id, or "latest".

        Raises:
            UsageError: If no run or more than one is meant.
        """
        runs = self.list_runs()
        if not runs:
            raise UsageError(
                f"there are no runs in {self.home}",
                hint="--home names the directory where runs are kept",
            )
        if reference == LATEST:
            return runs[0]
        found = [run for run in runs if reference and run.id.startswith(reference)]
        exact = [run for run in found if run.id == reference]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            raise UsageError(
                f"{len(found)} runs begin with '{reference}'",
                hint=f"for example {found[0].id} and {found[1].id}",
            )
        raise UsageError(
            f"there is no run '{reference}' in {self.home}",
            hint=did_you_mean(reference, [LATEST, *(run.id for run in runs)])
            or f"the latest run is {runs[0].id}",
        )

    def _directory(self, run_id: RunId) -> Path:
        return self.home / "runs" / run_id

    def _prepare(self) -> None:
        if not self.home.exists():
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        runs = self.home / "runs"
        runs.mkdir(mode=0o700, exist_ok=True)
        ignore = self.home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(self.home))
        # The index is made here, so that a home on which SQLite cannot work is refused, too.
        with connection(self._index, "create"):
            pass
        self._index.chmod(0o600)

    def _claim_directory(self, started_at: float) -> Path:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(started_at))
        for _ in range(_ID_TRIES):
            directory = self._directory(RunId(f"{stamp}-{secrets.token_hex(2)}"))
            try:
                directory.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return directory
        raise FileExistsError(17, "no free run id is left for this second", str(self.home))


def _ended(run: Run) -> Run:
    """Return ``run`` as it is when its process ended before it could say how the run went."""
    steps = tuple(
        replace(step, state=RunState.FAILED, reason=OWNER_GONE)
        if step.state is RunState.RUNNING
        else replace(step, state=RunState.SKIPPED, reason=OWNER_GONE)
        if step.state is RunState.PENDING
        else step
        for step in run.steps
    )
    return replace(run, state=RunState.FAILED, reason=OWNER_GONE, steps=steps)
