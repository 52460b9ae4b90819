"""Routes of schedules on clusters: list, make, pause, resume, delete; and what a trigger means.

Worker processes do what takes a cluster's time, as for runs.
"""

from http import HTTPStatus
from pathlib import Path

from jupyter_server.auth.decorator import authorized
from tornado import web

from kernelpipe.runs.schedules import has_schedules
from kernelpipe.runs.store import DEFAULT_HOME
from kernelpipe.server.bodies import mapping, notebook_content, optional_text, text
from kernelpipe.server.notebooks import refuse_unsaved
from kernelpipe.server.run_places import RunHandler
from kernelpipe.server.shared import Route
from kernelpipe.server.workers import Answer

_ONE = r"kernelpipe/schedules/([0-9a-f]{16})"


class _Handler(RunHandler):
    """What the routes have in common."""

    def source(self) -> Path:
        """Return the notebook that the query names."""
        return self.shared.contents.absolute(self.query("path"))

    async def ask(self, task: str, source: Path, **more: object) -> Answer:
        """Return what a worker process answers."""
        request = {"task": task, "path": str(source), "home": str(_home(source)), **more}
        return await self.shared.clusters.ask(request)

    async def change(self, key: str, change: str) -> None:
        """Change a schedule; a deleted one may have left runs to be listed."""
        status, document = await self.ask("change-schedule", self.source(), key=key, change=change)
        self.watch.look_soon()
        self.answer(document, status=status)


class SchedulesHandler(_Handler):
    """The schedules of a notebook."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with those that were made from here; clusters are asked how they are."""
        source = self.source()
        if not await self.watch.ask_slowly(lambda: has_schedules(_home(source))):
            self.answer({"schedules": []})
            return
        status, document = await self.ask("schedules", source)
        self.answer(document, status=status)

    @web.authenticated
    @authorized(action="execute")  # type: ignore[untyped-decorator]  # it lets code be run
    async def post(self) -> None:
        """Let the cluster run the notebook, as its file is now."""
        body = self.json_body()
        shown = text(body, "path")
        source = self.shared.contents.absolute(shown)
        notebook = notebook_content(body)
        when = {name: optional_text(body, name) for name in ("cron", "every", "name")}
        parameters = mapping(body, "parameters") if "parameters" in body else {}
        await self.watch.ask_slowly(lambda: refuse_unsaved(notebook, source))
        status, document = await self.ask(
            "schedule",
            source,
            shown=shown,
            parameters=parameters,
            host=self.shared.cluster_host,
            namespace=self.shared.cluster_namespace,
            **when,
        )
        await self.watch.ask(lambda: self.watch.ledger.add_home(_home(source)))
        self.answer(document, status=HTTPStatus.CREATED if status == HTTPStatus.OK else status)


class OneScheduleHandler(_Handler):
    """One schedule."""

    @web.authenticated
    @authorized
    async def delete(self, key: str) -> None:
        """Let it start no more runs; those that it has started stay."""
        await self.change(key, "delete")


class PauseHandler(_Handler):
    """Pausing a schedule."""

    @web.authenticated
    @authorized
    async def post(self, key: str) -> None:
        """Let it start no more runs until it is resumed."""
        await self.change(key, "pause")


class ResumeHandler(_Handler):
    """Resuming a schedule."""

    @web.authenticated
    @authorized(action="execute")  # type: ignore[untyped-decorator]  # it lets code be run
    async def post(self, key: str) -> None:
        """Let it start runs again."""
        await self.change(key, "resume")


class WordsHandler(RunHandler):
    """What a trigger means."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with its meaning in words, or with what is wrong with it."""
        request = {"task": "schedule-words", "cron": self.query("cron")}
        status, document = await self.shared.analysts.ask(request, is_wanted=self.is_awaited)
        self.answer(document, status=status)


def _home(source: Path) -> Path:
    return source.parent.resolve() / DEFAULT_HOME


ROUTES: tuple[Route, ...] = (
    (r"kernelpipe/schedules", SchedulesHandler),
    (_ONE, OneScheduleHandler),
    (_ONE + r"/pause", PauseHandler),
    (_ONE + r"/resume", ResumeHandler),
    (r"kernelpipe/schedule-words", WordsHandler),
)
