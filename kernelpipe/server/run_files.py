"""Routes of what a run left: executed notebooks, logs, tracebacks, comparison, report."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.web import HTTPError

from kernelpipe.api.documents import JsonObject
from kernelpipe.backends.local.session import STEP_LOG
from kernelpipe.model.names import RunId
from kernelpipe.model.run import UNFINISHED, Run, RunState
from kernelpipe.runs.store import RunStore
from kernelpipe.server.cluster_runs import fetch_log
from kernelpipe.server.ledger import Found
from kernelpipe.server.run_logs import read_log
from kernelpipe.server.run_places import (
    RUN,
    RunHandler,
    attempts,
    is_inside,
    is_safe,
    telling_attempt,
)
from kernelpipe.server.shared import Route


class NotebookHandler(RunHandler):
    """Executed notebooks."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with the notebook of a step, or the whole one; as far as it was executed."""
        found = await self.found(self.named(run_id))
        name = None if self.query("step", "") == "" else self.step(found)["name"]
        content = await self.watch.ask(lambda: executed_notebook(found.run, name))
        if content is None:
            what = f"run {run_id}" if name is None else f"step '{name}'"
            raise HTTPError(HTTPStatus.NOT_FOUND, f"{what} has no executed notebook")
        self.finish(content)


class LogHandler(RunHandler):
    """Logs of steps."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with a piece of the log of a step; of one that was found, of where it was made."""
        named = self.named(run_id)
        found = await self.found(named)
        step = self.step(found)
        offset = _offset(self.query("offset", "0"))
        store = RunStore(named.home)
        if found.run.cluster is not None:
            await fetch_log(self.shared, named.home, found.run, step["name"])
        self.answer(await self.watch.ask(lambda: _log(found, step, offset, store)))


class FailureHandler(RunHandler):
    """Why steps failed."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with the error of a step and its traceback."""
        found = await self.found(self.named(run_id))
        step = self.step(found)
        error: dict[str, Any] | None = step["error"]
        if error is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"step '{step['name']}' has no error")
        name, cell = step["name"], error["cell"]
        traceback = await self.watch.ask(lambda: read_traceback(found.run, name, cell))
        self.answer({**error, "traceback": traceback})


class ComparisonHandler(RunHandler):
    """What differs between two runs."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with what differs from the run ``with`` to this one."""
        other = self.named(self.query("with"), folder=self.query("with_folder", ""))
        before, after = await self.found(other), await self.found(self.named(run_id))
        self.answer(await self.watch.ask(lambda: _comparison(before.run, after.run)))


class ReportHandler(RunHandler):
    """Reports of runs."""

    @property
    def content_security_policy(self) -> str:
        """Let the page do nothing here, whatever its outputs hold."""
        return "sandbox"

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """Answer with the report as a file to keep: one HTML page."""
        named = self.named(run_id)
        found = await self.found(named)
        store = RunStore(named.home)
        page = await self.watch.ask(lambda: _report(found.run, store))
        name = f"{run_id}.html"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(page, set_content_type="text/html; charset=utf-8")


def executed_notebook(run: Run, step: str | None) -> bytes | None:
    """Return the JSON of an executed notebook, of the whole run when ``step`` is None."""
    from kernelpipe.backends.local.session import EXECUTED  # noqa: PLC0415  # slow to load

    if step is not None:
        return _content(telling_attempt(run, step), EXECUTED, run)
    if run.notebook is not None and is_inside(Path(run.notebook), run):
        whole = _bytes(Path(run.notebook))
        if whole is not None:
            return whole
    return _merged(run)


def _merged(run: Run) -> bytes | None:
    """Return what the steps have executed so far as one notebook."""
    from kernelpipe.backends.local.merged import merge_executed  # noqa: PLC0415  # likewise
    from kernelpipe.backends.local.outcome import read_executed  # noqa: PLC0415  # likewise
    from kernelpipe.errors import NotebookReadError  # noqa: PLC0415  # likewise
    from kernelpipe.runs.notebooks import SNAPSHOT  # noqa: PLC0415  # likewise

    executed = [
        read_executed(directory)
        for step in run.steps
        if not step.is_cached  # its cells may have moved since
        for directory in telling_attempt(run, step.name)
    ]
    try:
        merged = merge_executed(Path(run.directory, SNAPSHOT), executed)
    except NotebookReadError:
        return None
    return json.dumps(merged).encode()


def read_traceback(run: Run, step: str, cell: int | None) -> list[str]:
    """Return the traceback of a failed step as its notebook holds it, [] if there is none."""
    from kernelpipe.backends.local.outcome import read_executed  # noqa: PLC0415  # likewise

    for directory in telling_attempt(run, step):
        for executed in reversed(read_executed(directory)):
            if cell is None or executed.index == cell:
                for output in json.loads(executed.outputs):
                    if output.get("output_type") == "error":
                        return [str(line) for line in output.get("traceback", ())]
    return []


def _log(found: Found, step: dict[str, Any], offset: int, store: RunStore) -> JsonObject:
    name = step["name"]
    has_ended = RunState(step["state"]) not in UNFINISHED
    if not step["cached"]:
        return read_log(log_parts(found.run, name), offset, has_ended=has_ended)
    made_in = _made_in(found.run, name)
    maker = store.find(RunId(made_in)) if made_in else None
    if maker is None or not is_safe(maker[0]) or name not in [s.name for s in maker[0].steps]:
        text = "found, not run: the run that made the result has been deleted\n"
        return {"text": "" if offset else text, "next_offset": len(text), "is_complete": True}
    return read_log(log_parts(maker[0], name), offset, has_ended=True)


def log_parts(run: Run, step: str) -> list[tuple[str, Path]]:
    """Return (headline, file) of each log of a step that is to be read, in order.

    Items of a loop's step are written side by side, but what was read has to stay where it is: the
    logs end with that of the first item that goes on.
    """
    found = next(each for each in run.steps if each.name == step)
    items = json.loads(found.facts).get("items") if run.cluster is None else None
    listed: list[tuple[str, Path]] = []
    for number, group in enumerate(attempts(run, step)):
        item = [] if items is None else [items[number]["text"]]
        for attempt, directory in enumerate(group, start=1):
            words = item + ([f"attempt {attempt}"] if attempt > 1 else [])
            listed.append((f"=== {', '.join(words)}\n" if words else "", directory / STEP_LOG))
        if items is not None and RunState(items[number]["state"]) in UNFINISHED:
            break
    return listed


def _made_in(run: Run, step: str) -> str | None:
    for each in run.steps:
        if each.name == step:
            found: str | None = json.loads(each.facts).get("made_in")
            return found
    return None


def _comparison(before: Run, after: Run) -> JsonObject:
    from kernelpipe.runs.comparing import compare_runs  # noqa: PLC0415  # likewise
    from kernelpipe.runs.comparison_text import comparison_sections  # noqa: PLC0415  # likewise

    sections = comparison_sections(compare_runs(before, after), source=after.source)
    return {
        "before": before.id,
        "after": after.id,
        "sections": [{"title": each.title, "lines": list(each.lines)} for each in sections],
    }


def _report(run: Run, store: RunStore) -> bytes:
    from kernelpipe.api import reporting  # noqa: PLC0415  # likewise
    from kernelpipe.runs.comparing import last_success  # noqa: PLC0415  # likewise

    other = last_success(store.list_runs(), run)
    return reporting.render(reporting.gather(run, other)).encode()


def _content(directories: list[Path], name: str, run: Run) -> bytes | None:
    for directory in directories:
        if is_inside(directory / name, run):
            return _bytes(directory / name)
    return None


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _offset(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise HTTPError(HTTPStatus.BAD_REQUEST, "'offset' must be a whole number from 0 on")
    return int(text)


ROUTES: tuple[Route, ...] = (
    (RUN + r"/notebook", NotebookHandler),
    (RUN + r"/log", LogHandler),
    (RUN + r"/failure", FailureHandler),
    (RUN + r"/comparison", ComparisonHandler),
    (RUN + r"/report", ReportHandler),
)
