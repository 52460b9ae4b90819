"""Routes of runs: list, start, show, stop, resume, delete; and what watches them."""

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.web import HTTPError

from kernelpipe.api.documents import JsonObject, to_json
from kernelpipe.errors import UsageError
from kernelpipe.model.names import RunId
from kernelpipe.model.run import UNFINISHED
from kernelpipe.runs.stopping import stop_owner
from kernelpipe.runs.store import DEFAULT_HOME, RunStore
from kernelpipe.server import cluster_runs
from kernelpipe.server.bodies import (
    mapping,
    notebook_content,
    optional_mapping,
    run_options,
    text,
    texts,
)
from kernelpipe.server.homes import Homes
from kernelpipe.server.ledger import Found, Ledger
from kernelpipe.server.notebooks import refuse_unsaved
from kernelpipe.server.run_edges import edges_of
from kernelpipe.server.run_places import RUN, WATCH, Named, RunHandler
from kernelpipe.server.shared import Route, Shared
from kernelpipe.server.starting import Refused, start_worker
from kernelpipe.server.watching import Watch, register_schema
from kernelpipe.server.worker import Request

if TYPE_CHECKING:
    from jupyter_events import EventLogger


class _StartingHandler(RunHandler):
    """What starting and continuing have in common."""

    async def start(self, request: Request, source: Path) -> None:
        """Start a worker and answer with its run, or with why there is none."""
        directory = source.parent
        started = await self.watch.start_worker(lambda: start_worker(request, directory=directory))
        if isinstance(started, Refused):
            self.answer(started.document, status=started.status)
            return
        home = Path(request["home"])
        await self.watch.ask(lambda: self.watch.ledger.add_home(home, is_trusted=True))
        found = await self.found(Named(home=home, run_id=started.run_id))
        self.answer(_summary(found), status=HTTPStatus.CREATED)

    async def refuse_unsaved(self, source: Path, notebook: JsonObject) -> None:
        """Refuse to run a file that says something else than the editor."""
        await self.watch.ask(lambda: refuse_unsaved(notebook, source))


class RunsHandler(_StartingHandler):
    """All runs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with all runs, the newest first."""
        await self.watch.homes_found()
        cluster_runs.collect_soon(self.shared)
        self.finish(await self.watch.ask(lambda: to_json(self.watch.ledger.list_runs())))

    @web.authenticated
    @authorized(action="execute")  # type: ignore[untyped-decorator]  # it runs code
    async def post(self) -> None:
        """Start a run; it belongs to nobody and goes on whatever becomes of browser and server."""
        body = self.json_body()
        source = self.shared.contents.absolute(text(body, "path"))
        notebook = notebook_content(body)
        if body.get("backend", "local") != "local":
            await self._submit(body, source, notebook)
            return
        request = Request(
            action="run",
            notebook=str(source),
            home=str(source.parent.resolve() / DEFAULT_HOME),
            run_id=None,
            parameters=mapping(body, "parameters") if "parameters" in body else {},
            options=run_options(body),
        )
        await self.refuse_unsaved(source, notebook)
        await self.start(request, source)

    async def _submit(self, body: JsonObject, source: Path, notebook: JsonObject) -> None:
        """Start a run on Kubeflow."""
        if body["backend"] != "kfp":
            raise UsageError(f"there is no backend '{body['backend']}'", hint="one of local, kfp")
        given = [name for name in ("only", "start_from", "until") if texts(body, name)]
        if given:
            raise UsageError(f"'{given[0]}' is not possible on Kubeflow: all steps run there")
        await self.refuse_unsaved(source, notebook)
        home = source.parent.resolve() / DEFAULT_HOME
        status, document = await cluster_runs.submit(
            self.shared,
            source=source,
            shown=text(body, "path"),
            home=home,
            parameters=mapping(body, "parameters") if "parameters" in body else {},
        )
        if status != HTTPStatus.OK:
            self.answer(document, status=status)
            return
        await self.watch.ask(lambda: self.watch.ledger.add_home(home, is_trusted=True))
        found = await self.found(Named(home=home, run_id=RunId(str(document["run_id"]))))
        self.answer(_summary(found), status=HTTPStatus.CREATED)


class OneRunHandler(RunHandler):
    """One run."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with all that is known about the run."""
        found = await self.found(self.named(run_id))
        edges = await edges_of(found.run, self.shared)
        run = {**found.detail, "edges": edges}
        self.answer({"server": self.shared.server, "seq": found.seq, "run": run})

    @web.authenticated
    @authorized
    async def delete(self, run_id: str) -> None:
        """Remove the run with its files."""
        named = self.named(run_id)
        found = await self.found(named)
        if found.run.state in UNFINISHED:
            raise HTTPError(HTTPStatus.CONFLICT, f"run {run_id} goes on: stop it first")
        await self.watch.ask(lambda: RunStore(named.home).remove(named.run_id))
        await self.watch.ask(self.watch.ledger.look)
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()


class StopHandler(RunHandler):
    """Stopping a run."""

    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        """Ask the run's process to stop as Ctrl-C does; asked again, it kills the kernels."""
        named = self.named(run_id)
        found = await self.found(named)
        if found.run.state not in UNFINISHED:
            raise HTTPError(HTTPStatus.CONFLICT, f"run {run_id} has ended")
        if found.run.cluster is not None:
            status, document = await cluster_runs.stop_run(self.shared, named.home, named.run_id)
            if status != HTTPStatus.OK:
                self.answer(document, status=status)
                return
        elif not await self.watch.ask(lambda: stop_owner(found.owner)):
            raise HTTPError(
                HTTPStatus.CONFLICT,
                f"run {run_id} goes on where this server cannot stop it: process"
                f" {found.owner.pid} on {found.owner.host}",
            )
        self.watch.look_soon()
        self.answer(_summary(await self.found(named)))


class ResumeHandler(_StartingHandler):
    """Continuing a run."""

    @web.authenticated
    @authorized(action="execute")  # type: ignore[untyped-decorator]  # it runs code
    async def post(self, run_id: str) -> None:
        """Continue a run that failed, was stopped or was lost, with the notebook as it is now."""
        named = self.named(run_id)
        notebook = optional_mapping(self.json_body(), "notebook")
        found = await self.found(named)
        if found.run.state in UNFINISHED:
            raise HTTPError(HTTPStatus.CONFLICT, f"run {run_id} goes on")
        if found.detail["path"] is None:
            raise UsageError(f"the notebook of run {run_id} is in no folder of this server")
        source = self.shared.contents.absolute(str(found.detail["path"]))
        if notebook is not None:
            await self.refuse_unsaved(source, notebook_content({"notebook": notebook}))
        request = Request(
            action="resume",
            notebook=str(source),
            home=str(named.home),
            run_id=named.run_id,
            parameters={},
            options={},
        )
        await self.start(request, source)


def _summary(found: Found) -> JsonObject:
    """Return the run as it stands in a list."""
    more = {"parameters", "steps", "cells", "edges", "messages"}
    return {key: value for key, value in found.detail.items() if key not in more}


async def start(shared: Shared) -> None:
    """Begin to watch the runs."""
    events: EventLogger = shared.serverapp.event_logger  # type: ignore[assignment]  # it is there
    register_schema(events)
    homes = Homes(Path(jupyter_data_dir(), "kernelpipe", "homes.json"))
    ledger = Ledger(shared.contents, homes, server=shared.server)
    watch = Watch(ledger, events)
    shared.serverapp.web_app.settings[WATCH] = watch
    try:
        root = shared.contents.folder
    except UsageError:  # contents are not kept in files: there are no runs here
        return
    watch.start(root)


async def stop(shared: Shared) -> None:
    """Watch no longer; the runs go on."""
    watch: Watch | None = shared.serverapp.web_app.settings.get(WATCH)
    if watch is not None:  # else the server stops before it has started
        await watch.stop()


ROUTES: tuple[Route, ...] = (
    (r"kernelpipe/runs", RunsHandler),
    (RUN, OneRunHandler),
    (RUN + r"/stop", StopHandler),
    (RUN + r"/resume", ResumeHandler),
)
