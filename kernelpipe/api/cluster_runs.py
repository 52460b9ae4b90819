"""Runs on clusters that were recorded here: how they are now, following, stopping, their logs."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kernelpipe.backends.kfp.cluster import (
    Calls,
    ClusterSettings,
    Connection,
    KnownClusters,
    Patience,
    fetch,
    find_submitted,
    follow,
    logs_hint,
    run_page,
    to_run,
)
from kernelpipe.backends.kfp.cluster import logs as pod_logs
from kernelpipe.backends.kfp.cluster import stop as stop_remote
from kernelpipe.errors import BackendError, ClusterError, RunInterruptedError, UsageError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import UNFINISHED, ClusterFacts, Run, RunState, StepRun
from kernelpipe.notebook import replace_file
from kernelpipe.runs import RunStore
from kernelpipe.runs.owner import is_here

if TYPE_CHECKING:
    from kernelpipe.backends.local import Reporter

Connect = Callable[[ClusterSettings], Calls]

_NOT_FOUND: Final = 404
_QUICK_S: Final = 5.0
"""How long a cluster may take to answer when a list of runs waits for it."""
_MOST_S: Final = 10.0
"""How long all clusters together may take then."""
_CONFIRMED_EVERY_S: Final = 15.0
"""How old "as of" may get before it is written although nothing else has changed."""
_NOT_SUBMITTED: Final = "it was not submitted: the cluster has no such run"


def connect_quickly(settings: ClusterSettings) -> Connection:
    """Return a connection that does not wait long for answers."""
    return Connection(settings, read_timeout_s=_QUICK_S, connect_timeout_s=_QUICK_S / 2)


@dataclass(slots=True)
class Clusters:
    """Clusters that records name; each is connected once, and not asked again when it is silent."""

    connect: Connect
    _connected: dict[tuple[str, str], Calls] = field(default_factory=dict)
    """Host and namespace -> connection."""
    _problems: dict[str, BackendError | UsageError] = field(default_factory=dict)

    def of(self, cluster: ClusterFacts | None) -> Calls:
        """Return the cluster of a run or a schedule.

        Raises:
            UsageError: If it is none that the user has named.
            BackendError: If it was silent before.
        """
        cluster = cluster or ClusterFacts()
        host = cluster.get("host", "")
        if host in self._problems:
            raise self._problems[host]
        place = (host, cluster.get("namespace", ""))
        if place not in self._connected:
            settings = KnownClusters(os.environ).named(host)
            if settings is None:
                raise UsageError(
                    f"its cluster {host} is none that you have used",
                    hint="set KF_PIPELINES_ENDPOINT to it if it may have your login",
                )
            namespace = cluster.get("namespace") or settings.namespace
            self._connected[place] = self.connect(replace(settings, namespace=namespace))
        return self._connected[place]

    def give_up(self, cluster: ClusterFacts | None, error: BackendError) -> None:
        """Ask a cluster no more if it does not answer."""
        if not isinstance(error, ClusterError) or error.status != _NOT_FOUND:
            self._problems[(cluster or ClusterFacts()).get("host", "")] = error


def refresh_runs(
    store: RunStore,
    runs: Sequence[Run],
    *,
    connect: Connect = connect_quickly,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Run, ...]:
    """Return the runs, those on clusters that have not ended as they are now.

    What cannot be asked stays as it was known last; ``Run.cluster`` has when that was, and why.

    Args:
        store: That keeps them.
        runs: In any order, which is kept.
        connect: Makes connections.
        clock: Seconds since some moment.
    """
    clusters = Clusters(connect)
    give_up_at = clock() + _MOST_S

    def refreshed(run: Run) -> Run:
        if run.cluster is None or run.state not in UNFINISHED or clock() > give_up_at:
            return run
        try:
            return take_over(store, run, clusters.of(run.cluster))
        except BackendError as error:
            clusters.give_up(run.cluster, error)
            return note_problem(store, run, error)
        except UsageError as error:
            return note_problem(store, run, error)

    return tuple(map(refreshed, runs))


def take_over(
    store: RunStore, run: Run, calls: Calls, *, clock: Callable[[], float] = time.time
) -> Run:
    """Ask the cluster how a run is, record it, and return the run.

    Raises:
        ClusterError: If the cluster refuses or does not answer; nothing was recorded.
    """
    found = _identified(store, run, calls)
    cluster = found.cluster or ClusterFacts()
    remote_id = cluster.get("run_id")
    if remote_id is None or found.state not in UNFINISHED:
        return found
    remote = fetch(calls, remote_id)
    snapshot = to_run(remote, source=run.source, directory=run.directory, previous=found)
    now = clock()
    is_same = (snapshot.state, snapshot.reason, snapshot.steps) == (
        found.state,
        found.reason,
        found.steps,
    )
    if is_same and "problem" not in cluster and now - cluster.get("as_of", 0) < _CONFIRMED_EVERY_S:
        return found
    return store.record_snapshot(run.id, snapshot, ClusterFacts(as_of=now))


def _identified(store: RunStore, run: Run, calls: Calls) -> Run:
    """Return the run with its id on the cluster, found by its token if the answer was lost."""
    known = store.find(run.id)
    if known is None:
        raise UsageError(f"run {run.id} has been removed")
    found, owner = known
    cluster = found.cluster or ClusterFacts()
    if "run_id" in cluster or is_here(owner):  # else it is being submitted just now
        return found
    remote_id = find_submitted(calls, cluster["token"], experiment_id=cluster["experiment_id"])
    if remote_id is not None:
        return store.hand_over(
            run.id, ClusterFacts(run_id=remote_id, page=run_page(calls, remote_id))
        )
    snapshot = to_nothing(found)
    store.hand_over(run.id, ClusterFacts())
    return store.record_snapshot(run.id, snapshot, ClusterFacts())


def to_nothing(run: Run) -> Run:
    """Return a run that never reached its cluster."""
    return replace(
        run,
        state=RunState.FAILED,
        reason=_NOT_SUBMITTED,
        steps=tuple(
            StepRun(name=step.name, state=RunState.SKIPPED, reason=_NOT_SUBMITTED)
            for step in run.steps
        ),
    )


def note_problem(store: RunStore, run: Run, error: BackendError | UsageError) -> Run:
    """Record why a cluster could not tell how a run is; return the run."""
    is_missing = isinstance(error, ClusterError) and error.status == _NOT_FOUND
    text = str(error).partition("\n")[0]
    cluster = run.cluster or ClusterFacts()
    if cluster.get("problem") == text:
        return run
    return store.record_problem(run.id, text, is_missing=is_missing and "run_id" in cluster)


def follow_run(
    store: RunStore,
    run: Run,
    *,
    reporter: "Reporter",
    connect: Connect = Connection,
    patience: Patience | None = None,
) -> Run:
    """Wait for the end of a run on a cluster; return it.

    Args:
        store: That keeps it.
        run: As it is known.
        reporter: Is told how it goes, in the words of runs on this machine.
        connect: Makes a connection.
        patience: How often to ask.

    Raises:
        UsageError: If its cluster is none that the user has named.
        ClusterError: If the cluster refuses, or has not answered for too long; the run goes on.
        RunInterruptedError: After Ctrl-C; the run goes on.
    """
    calls = Clusters(connect).of(run.cluster)
    told = _Told(reporter)
    try:
        ended = follow(
            lambda last: take_over(store, last or run, calls),
            clock=time,
            on_change=told.tell,
            patience=patience,
        )
    except KeyboardInterrupt as error:
        raise RunInterruptedError(
            f"stopped waiting; run {run.id} goes on on the cluster\n"
            f"  hint: 'kernelpipe runs show {run.id}' tells how it is, "
            f"'kernelpipe runs stop {run.id}' stops it",
            run_id=run.id,
        ) from error
    except ClusterError as error:
        raise ClusterError(
            f"run {run.id} goes on, but how is not known: {error}\n"
            f"  hint: 'kernelpipe runs show {run.id}' asks again",
            status=error.status,
        ) from error
    reporter.run_finished(ended)
    return ended


@dataclass(slots=True)
class _Told:
    """Tells a reporter what differs from what it was told before."""

    reporter: "Reporter"
    _steps: dict[str, StepRun] = field(default_factory=dict)

    def tell(self, run: Run) -> None:
        """Tell of the steps that have started, have ended or wait for a reason."""
        for step in run.steps:
            before = self._steps.get(step.name)
            if before == step:
                continue
            self._steps[step.name] = step
            was = before.state if before else RunState.PENDING
            if step.state not in UNFINISHED:
                if was in UNFINISHED:
                    self.reporter.step_finished(step)
            elif step.state is not was and step.state is RunState.RUNNING:
                self.reporter.step_started(step.name)
            if step.state in UNFINISHED and step.reason:
                self.reporter.message(f"{step.name}: {step.state.value}: {step.reason}")


def stop_run(store: RunStore, run: Run, *, connect: Connect = connect_quickly) -> Run:
    """Ask for a run to be stopped, here or on its cluster; return it as it is then.

    Raises:
        UsageError: If it has ended, or goes on where it cannot be stopped from here.
        ClusterError: If its cluster does not answer or refuses; it goes on.
    """
    if run.state not in UNFINISHED:
        raise UsageError(f"run {run.id} has ended: it is {run.state.value}")
    if run.cluster is None:
        return _stop_here(store, run)
    calls = Clusters(connect).of(run.cluster)
    found = _identified(store, run, calls)
    remote_id = (found.cluster or ClusterFacts()).get("run_id")
    if remote_id is None:
        if found.state in UNFINISHED:
            raise UsageError(f"run {run.id} is being submitted just now", hint="try again soon")
        return found
    was_stopped = stop_remote(calls, remote_id)
    found = take_over(store, found, calls)
    if not was_stopped:
        raise UsageError(f"run {run.id} has ended: it is {found.state.value}")
    return found


def _stop_here(store: RunStore, run: Run) -> Run:
    from kernelpipe.runs.stopping import stop_owner  # noqa: PLC0415  # loads what others do without

    found = store.find(run.id)
    if found is None or found[0].state not in UNFINISHED:
        raise UsageError(f"run {run.id} has ended")
    if not stop_owner(found[1]):
        raise UsageError(
            f"run {run.id} cannot be stopped from here: "
            f"its process is {found[1].pid} on {found[1].host}"
        )
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedLogs:
    """What became of the logs of a run on a cluster.

    ``missing`` are the steps whose pods were started and whose logs the cluster does not give;
    ``hint`` says how to read them otherwise.
    """

    missing: tuple[str, ...] = ()
    hint: str = ""


def fetch_logs(
    run: Run, step: str | None = None, *, connect: Connect = connect_quickly
) -> FetchedLogs:
    """Bring the logs of a run's pods into its directory, where the logs of all runs are.

    What was brought after the end of the run is not asked for again.

    Raises:
        UsageError: If its cluster is none that the user has named.
        ClusterError: If the cluster does not answer or refuses.
    """
    cluster = run.cluster or ClusterFacts()
    names = [each.name for each in run.steps if step in {None, each.name}]
    paths = {name: log_path(run, name) for name in names}
    if "run_id" not in cluster or all(map(partial(_is_complete, run), paths.values())):
        return FetchedLogs()
    calls = Clusters(connect).of(run.cluster)
    missing: list[str] = []
    merged = cluster.get("merged", {})
    task = next((task for task, names in merged.items() if step in names), step)
    for log in pod_logs(calls, cluster["run_id"], step=task):
        shared = [StepName(name) for name in merged.get(log.task, [log.step])]
        for name, path in ((name, paths[name]) for name in shared if name in paths):
            if log.text is not None:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(path, log.text.encode("utf-8", "replace"))
            elif not path.is_file():
                missing.append(name)
    hint = logs_hint(calls, RunId(cluster["run_id"])) if missing else ""
    return FetchedLogs(missing=tuple(missing), hint=hint)


def log_path(run: Run, step: str) -> Path:
    """Return where the log of a step of a run on a cluster is kept."""
    position = [str(each.name) for each in run.steps].index(step)
    return Path(run.directory, "steps", f"{position + 1:02d}-{step}", "log.txt")


def _is_complete(run: Run, path: Path) -> bool:
    """Tell whether a log was brought here after the run had ended."""
    if run.state in UNFINISHED:
        return False
    as_of = (run.cluster or ClusterFacts()).get("as_of", 0.0)
    try:
        return path.stat().st_mtime > as_of
    except OSError:
        return False
