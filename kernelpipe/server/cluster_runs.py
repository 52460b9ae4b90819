"""Runs on clusters, as far as the server has to do with them: asked how they are while they go on.

Worker processes do the asking, and write what they find out to the stores; the ledger takes it
from there like all that it knows, so that events and snapshots are those of runs on this machine.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from kernelpipe.model.names import RunId
from kernelpipe.model.run import Run
from kernelpipe.runs.schedules import has_schedules
from kernelpipe.server.run_places import watch_of
from kernelpipe.server.shared import Route, Shared
from kernelpipe.server.workers import Answer

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S: Final = 1.0
"""How often to look whether there is a run to ask about; that asks no cluster."""
_ASK_EVERY_S: Final = 3.0
_ASK_SILENT_EVERY_S: Final = 30.0
"""How often to ask a cluster that does not answer."""
_COLLECT_EVERY_S: Final = 10.0
"""How often to ask for the runs that schedules have started, as long as somebody looks at runs."""
_NAMING: Final = ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_SA_TOKEN_PATH")
"""Variables that say where runs go."""
_MOST_LOGS: Final = 100
_log_due: "Final[OrderedDict[str, float]]" = OrderedDict()
"""Directory of a run and step -> when its log is asked for again; the latest asked for last."""

ROUTES: tuple[Route, ...] = ()


def can_run(shared: Shared, environ: Mapping[str, str]) -> str | None:
    """Return why notebooks cannot be run on Kubeflow from here, None if they can."""
    if find_spec("kfp") is None:
        return "the KFP SDK is not installed: pip install 'kernelpipe[kfp]'"
    # With a pod's own token the SDK finds the API without an address.
    if not shared.cluster_host and not any(map(environ.get, _NAMING)):
        return "no cluster is configured"
    return None


async def submit(
    shared: Shared, *, source: Path, shown: str, home: Path, parameters: Mapping[str, object]
) -> Answer:
    """Submit a notebook; answer with ``run_id``, or with why there is no run."""
    return await shared.clusters.ask(
        {
            "task": "submit",
            "path": str(source),
            "shown": shown,
            "home": str(home),
            "parameters": dict(parameters),
            "host": shared.cluster_host,
            "namespace": shared.cluster_namespace,
        }
    )


async def stop_run(shared: Shared, home: Path, run_id: RunId) -> Answer:
    """Ask the cluster of a run to stop it."""
    return await shared.clusters.ask({"task": "stop", "home": str(home), "run_id": run_id})


async def fetch_log(shared: Shared, home: Path, run: Run, step: str) -> None:
    """Bring the log of a step here, unless that was done just now.

    What cannot be brought is no reason to fail: what is here already is shown.
    """
    key = f"{run.directory}/{step}"
    now = time.monotonic()
    if now < _log_due.get(key, 0.0):
        return
    _log_due[key] = now + _ASK_EVERY_S
    _log_due.move_to_end(key)
    if len(_log_due) > _MOST_LOGS:
        _log_due.popitem(last=False)
    request = {"task": "logs", "home": str(home), "run_id": run.id, "step": step}
    status, document = await shared.clusters.ask(request)
    if status != HTTPStatus.OK:
        _LOG.info("the log of run %s cannot be asked for: %s", run.id, document)


class Poller:
    """Asks clusters how the runs on them are, as long as there are any that go on."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._due: dict[Path, float] = {}
        """Home -> when its runs are asked for next."""
        self._collect_at = 0.0
        self._is_looked_at = False
        self._task = asyncio.ensure_future(self._poll())

    async def stop(self) -> None:
        """End; the runs go on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def collect_soon(self) -> None:
        """Ask for the runs that schedules have started: somebody looks at the runs."""
        self._is_looked_at = True

    async def _collect(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._is_looked_at or loop.time() < self._collect_at:
            return
        watch = watch_of(self._shared)
        homes = watch.ledger.homes()
        with_schedules = await watch.ask_slowly(lambda: list(filter(has_schedules, homes)))
        for home in with_schedules:
            await self._shared.clusters.ask({"task": "collect", "home": str(home)})
            watch.look_soon()
        self._is_looked_at = False
        self._collect_at = loop.time() + _COLLECT_EVERY_S

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self._collect()
                await self._ask_due()
            except Exception:  # noqa: BLE001  # the edge of the task: the next look is another try
                _LOG.exception("runs on clusters cannot be watched")

    async def _ask_due(self) -> None:
        watch = watch_of(self._shared)
        loop = asyncio.get_running_loop()
        going = watch.ledger.going_on_clusters()
        self._due = {home: due for home, due in self._due.items() if home in going}
        for home, run_ids in going.items():
            if loop.time() < self._due.get(home, 0.0):
                continue
            request: dict[str, Any] = {"task": "refresh", "home": str(home), "run_ids": run_ids}
            status, document = await self._shared.clusters.ask(request)
            is_silent = status != HTTPStatus.OK or bool(document.get("problems"))
            self._due[home] = loop.time() + (_ASK_SILENT_EVERY_S if is_silent else _ASK_EVERY_S)
            watch.look_soon()


_POLLER: Final = "kernelpipe_poller"


def collect_soon(shared: Shared) -> None:
    """Ask clusters soon for the runs that schedules have started."""
    poller: Poller | None = shared.serverapp.web_app.settings.get(_POLLER)
    if poller is not None:  # else the server has not started its extensions yet
        poller.collect_soon()


async def start(shared: Shared) -> None:
    """Begin to ask."""
    shared.serverapp.web_app.settings[_POLLER] = Poller(shared)


async def stop(shared: Shared) -> None:
    """Ask no longer."""
    poller: Poller | None = shared.serverapp.web_app.settings.get(_POLLER)
    if poller is not None:
        await poller.stop()
