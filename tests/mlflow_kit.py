"""Runs that are told to MLflow, stores that are read back, servers of several kinds."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kit

from kernelpipe.model.names import StepName
from kernelpipe.model.run import Metric, Run, RunState, StepRun
from kernelpipe.runs import ResultStore, RunStore
from kernelpipe.runs.tracking import TrackedStep, Tracker
from kernelpipe.runs.tracking.syncing import sync_outbox
from kernelpipe.runtime.container import header_digest
from kernelpipe.runtime.values import dump_group

WAIT_S = 180.0


def environment(**variables: str) -> dict[str, str]:
    """Return this process's variables with tracking on and nothing else of MLflow's."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "KERNELPIPE"))}
    return {**own, "MLFLOW_DISABLE_TELEMETRY": "true", **variables}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A run that was told to a tracker."""

    run: Run
    home: Path
    tracker: Tracker

    @property
    def uri(self) -> str:
        """The default store."""
        return f"sqlite:///{self.home.parent / 'mlflow.db'}"


class Telling:
    """A run of two steps under way in ``folder``, told to a tracker as it goes on."""

    def __init__(
        self,
        folder: Path,
        *,
        variables: Mapping[str, str] | None = None,
        steps: Sequence[TrackedStep] = (TrackedStep(name=StepName("load"), parameters=("n",)),),
        running: Sequence[StepName] = (),
        are_values_logged: bool = False,
        prepare_timeout_s: float = 30.0,
    ) -> None:
        self.store = RunStore(folder / ".kernelpipe")
        self.source = kit.write(folder / "nb.ipynb", kit.code("print('hello')"))
        self.run = self.store.create(
            pipeline="churn",
            source=self.source,
            parameters=json.dumps({"n": 3, "rate": 0.5, "who": "me"}),
            steps=[step.name for step in steps],
            facts={"version": "9.9", "notebook_sha256": "ab", "packages": {}},
        )
        self.tracker = Tracker(
            self.store.home,
            environment=environment(**(variables or {})),
            prepare_timeout_s=prepare_timeout_s,
        )
        self.tracker.run_started(
            self.run,
            steps=steps,
            experiment="churn",
            running=running,
            are_values_logged=are_values_logged,
        )

    @property
    def outbox(self) -> Path:
        """Where the run's facts are."""
        return self.store.home / "outbox" / self.run.id

    def end_step(self, name: str, state: RunState = RunState.SUCCEEDED, **facts: object) -> None:
        """Tell that a step ended that began a second after the run and lasted two."""
        told = {"started_s": 1.0, **facts}
        self.tracker.step_finished(
            StepRun(
                name=StepName(name),
                state=state,
                duration_s=None if state is RunState.SKIPPED else 2.0,
                facts=json.dumps(told),
            )
        )

    def end(self, state: RunState = RunState.SUCCEEDED, *metrics: Metric) -> Told:
        """Tell that the run ended, and start what delivers."""
        run = self.store.record_run(
            self.run.id, state, notebook=self.source, metrics=metrics, facts={"git_commit": "c0"}
        )
        self.tracker.run_finished(run)
        return Told(run=run, home=self.store.home, tracker=self.tracker)

    def keep(self, port: str, **values: object) -> dict[str, object]:
        """Store values as a step's and return the fact about them."""
        path = Path(self.run.directory) / port
        dump_group(sorted(values), dict(values), path)
        digest, size = ResultStore(self.store.home).keep_file(path, digest=header_digest(path))
        return {"port": port, "digest": digest, "bytes": size}


def deliver(told: Told) -> None:
    """Deliver the run now."""
    outcome = sync_outbox(told.home, timeout_s=WAIT_S, environment=environment())
    assert [each.run_id for each in outcome.delivered] == [told.run.id], outcome


def deliver_in_background(told: Told) -> None:
    """Deliver as the command does, and wait until that is done."""
    told.tracker.deliver_in_background()
    wait_until(lambda: not (told.home / "outbox" / told.run.id).exists(), told.home)


def wait_until(condition: Any, home: Path) -> None:
    """Wait for what another process does."""
    give_up_at = time.monotonic() + WAIT_S
    while not condition():
        log = home / "outbox" / "deliverer.log"
        assert time.monotonic() < give_up_at, log.read_text() if log.exists() else "nothing ran"
        time.sleep(0.05)


class Reader:
    """Reads stores in a process of its own, which loads MLflow once."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("mlflow_reader.py")
        self.process = subprocess.Popen(
            [sys.executable, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            text=True,
        )

    def read(self, uri: str, experiment: str = "churn") -> dict[str, Any]:
        """Return what a store has: see ``mlflow_reader.read``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([uri, experiment]) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def runs(self, uri: str, experiment: str = "churn") -> dict[str, dict[str, Any]]:
        """Return the runs by name; each name exists once."""
        found = self.read(uri, experiment)["runs"]
        by_name = {run["name"]: run for run in found}
        assert len(by_name) == len(found), sorted(run["name"] for run in found)
        return by_name

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def silent_server() -> Iterator[str]:
    """Give the address of a server that accepts and never answers (a fake)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


@contextmanager
def mlflow_server(folder: Path, database: Path) -> Iterator[str]:
    """Give the address of a real tracking server on this machine, with a copy of a database."""
    port = free_port()
    (folder / "server.db").write_bytes(database.read_bytes())
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                *("--port", str(port), "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{folder / 'server.db'}"),
                *("--artifacts-destination", str(folder / "artifacts")),
            ],
            cwd=folder,
            # Jobs are something else than tracking; for each kind a process would be started.
            env=environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        give_up_at = time.monotonic() + WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < give_up_at, (folder / "server.log").read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()
