"""The run store: one directory per run and an index of all runs and their steps."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from kernelpipe.errors import RunError, UsageError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import UNFINISHED, ClusterFacts, Metric, Run, RunFacts, RunState, StepRun
from kernelpipe.runs import rows
from kernelpipe.runs.database import INDEX, shared_index
from kernelpipe.runs.owner import ELSEWHERE, Owner, current_owner, is_gone
from kernelpipe.runs.references import find_run

DEFAULT_HOME = ".kernelpipe"
OWNER_GONE = "lost: the process ended without finishing"
CUT_SHORT = "the submission was cut short: it is not known whether the cluster has the run"
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
        self._index = shared_index(self.home / INDEX)
        self._clock = clock

    def create(
        self,
        *,
        pipeline: str,
        source: Path,
        parameters: str,
        steps: Sequence[StepName],
        facts: RunFacts | None = None,
        owner: Owner | None = None,
    ) -> Run:
        """Record a new run of this process, RUNNING with every step PENDING; make its directory.

        One that is meant for a cluster (its facts say so) is PENDING, see :meth:`hand_over`.

        Args:
            pipeline: Name of the pipeline.
            source: The source notebook.
            parameters: JSON text of name -> value.
            steps: In pipeline order.
            facts: What else is known about it.
            owner: Who carries it out; None means this process.

        Raises:
            UsageError: If the home cannot be made or written.
        """
        started_at = self._clock()
        self.prepare()
        with self._refusing():
            directory = self._claim_directory(started_at)
        run = Run(
            id=RunId(directory.name),
            pipeline=pipeline,
            source=str(source.absolute()),
            state=RunState.PENDING if facts and "cluster" in facts else RunState.RUNNING,
            started_at=started_at,
            duration_s=None,
            directory=str(directory),
            notebook=None,
            parameters=parameters,
            metrics=(),
            steps=tuple(StepRun(name=name, state=RunState.PENDING) for name in steps),
            facts=json.dumps(facts or {}),
        )
        with self._index.transaction("write") as opened:
            rows.insert_run(opened, run, owner or current_owner())
        return run

    def record_steps(self, run_id: RunId, steps: Iterable[StepRun]) -> None:
        """Replace what is recorded about some steps of a run.

        That costs hardly more than one step does: most of the time goes into waiting for the disk.
        """
        directory = self.directory(run_id)
        with self._index.transaction("write") as opened:
            for step in steps:
                rows.update_step(opened, run_id, step, directory=directory)

    def record_run(
        self,
        run_id: RunId,
        state: RunState,
        *,
        notebook: Path | None = None,
        metrics: Sequence[Metric] = (),
        reason: str | None = None,
        facts: RunFacts | None = None,
    ) -> Run:
        """Record the state of a run and return all of it; a final state sets its duration.

        ``facts`` are added to what was known.
        """
        ended_at = None if state in UNFINISHED else self._clock()
        directory = self.directory(run_id)
        with self._index.transaction("write") as opened:
            rows.update_run(
                opened,
                run_id,
                state=state,
                reason=reason,
                ended_at=ended_at,
                notebook=rows.relative(None if notebook is None else str(notebook), directory),
                metrics=tuple(metrics),
                facts=json.dumps(facts or {}),
            )
            return rows.select_runs(opened, self.directory, only=run_id)[0][0]

    def hand_over(self, run_id: RunId, cluster: ClusterFacts) -> Run:
        """Record that a cluster carries out a run from now on; return all of it.

        ``cluster`` is added to what was known.
        """
        with self._index.transaction("write") as opened:
            rows.update_owner(opened, run_id, ELSEWHERE)
            rows.update_facts(opened, run_id, json.dumps({"cluster": cluster}))
            return rows.select_runs(opened, self.directory, only=run_id)[0][0]

    def record_snapshot(self, run_id: RunId, snapshot: Run, cluster: ClusterFacts) -> Run:
        """Record how a cluster says that a run and its steps are; return all of it.

        A run that has ended does not change any more: of two processes that ask the cluster at the
        same time, the slower one may know less.

        Args:
            run_id: Of the run here.
            snapshot: State, reason, duration and steps are taken from it.
            cluster: Is added to what was known.
        """
        directory = self.directory(run_id)
        with self._index.transaction("write") as opened:
            before = rows.select_runs(opened, self.directory, only=run_id)[0][0]
            if before.state not in UNFINISHED:
                return before
            for step in snapshot.steps:
                rows.update_step(opened, run_id, step, directory=directory)
            took_s = snapshot.duration_s
            rows.update_run(
                opened,
                run_id,
                state=snapshot.state,
                reason=snapshot.reason,
                ended_at=None if took_s is None else before.started_at + took_s,
                notebook=None,
                metrics=before.metrics,
                facts=json.dumps({"cluster": {"problem": None, "is_missing": None, **cluster}}),
            )
            return rows.select_runs(opened, self.directory, only=run_id)[0][0]

    def record_problem(self, run_id: RunId, problem: str, *, is_missing: bool = False) -> Run:
        """Record why a cluster could not tell how a run is; return all of it.

        ``is_missing``: it has no such run, so that there is nothing to wait for.
        """
        with self._index.transaction("write") as opened:
            facts = json.dumps({"cluster": {"problem": problem, "is_missing": is_missing or None}})
            rows.update_facts(opened, run_id, facts)
            return rows.select_runs(opened, self.directory, only=run_id)[0][0]

    def list_runs(self, *, batch: str | None = None) -> tuple[Run, ...]:
        """Return the runs, those that began last first; () when there is no home yet.

        The order is that of recording, whatever the clock said.

        Args:
            batch: Only the runs of the batch with this id.
        """
        if not self._index.exists():
            return ()
        with self._index.transaction("read") as opened:
            found = rows.select_runs(opened, self.directory, batch=batch)
        return tuple(_as_it_is(run, owner) for run, owner in found)

    def list_ids(self) -> tuple[RunId, ...]:
        """Return the ids of all runs, in the order of :meth:`list_runs`, at a fraction of its cost.

        It tells nothing of how the runs are.
        """
        if not self._index.exists():
            return ()
        with self._index.transaction("read") as opened:
            return rows.select_ids(opened)

    def find(self, run_id: RunId) -> tuple[Run, Owner] | None:
        """Return the run with exactly this id and the process that owns it, None if there is none.

        One whose process is gone is returned as :meth:`list_runs` does.
        """
        if not self._index.exists():
            return None
        with self._index.transaction("read") as opened:
            found = rows.select_runs(opened, self.directory, only=run_id)
        if not found:
            return None
        run, owner = found[0]
        return _as_it_is(run, owner), owner

    def load(self, reference: str) -> Run:
        """Return one run.

        Args:
            reference: See :func:`kernelpipe.runs.references.find_run`.

        Raises:
            UsageError: If no run or more than one is meant.
        """
        return find_run(self.list_runs(), reference, home=self.home)

    def remove(self, run_id: RunId) -> None:
        """Remove a run's record and its directory.

        Raises:
            UsageError: If the run is still going, or its directory cannot be removed.
        """
        run = self.load(run_id)
        if run.state in UNFINISHED and not (run.cluster or {}).get("is_missing"):
            raise UsageError(
                f"run {run.id} is still {run.state.value}", hint="stop it, or wait until it ends"
            )
        # The record goes last: what is left of a removal that was cut short can be removed again.
        try:
            shutil.rmtree(self.directory(run.id))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UsageError(
                f"the files of run {run.id} cannot be removed: {error}",
                hint="make the directory writable and remove the run again",
            ) from error
        with self._index.transaction("write") as opened:
            rows.delete_run(opened, run.id)

    def directory(self, run_id: RunId) -> Path:
        """Return where the files of a run are."""
        return self.home / "runs" / run_id

    def prepare(self) -> None:
        """Make the home with its index, unless they are there.

        Raises:
            UsageError: If the home cannot be made or written.
        """
        with self._refusing():
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
            with self._index.transaction("create"):
                pass
            self._index.path.chmod(0o600)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Refuse a home in which something cannot be made."""
        try:
            yield
        except OSError as error:
            raise UsageError(
                f"the run directory {self.home} cannot be written: {error.strerror}",
                hint=_WRITABLE_HOME,
            ) from error
        except RunError as error:
            raise UsageError(str(error), hint=_WRITABLE_HOME) from error

    def _claim_directory(self, started_at: float) -> Path:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(started_at))
        for _ in range(_ID_TRIES):
            directory = self.directory(RunId(f"{stamp}-{secrets.token_hex(2)}"))
            try:
                directory.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return directory
        raise FileExistsError(17, "no free run id is left for this second", str(self.home))


def _as_it_is(run: Run, owner: Owner) -> Run:
    """Return ``run``, with what its record cannot say if its process is gone."""
    if run.state not in UNFINISHED or not is_gone(owner):
        return run
    return _ended(run) if run.cluster is None else replace(run, reason=CUT_SHORT)


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
