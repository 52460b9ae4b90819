"""Which run a request means, and where its files are; nothing outside of its directory is read."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tornado.web import HTTPError

from kernelpipe.backends.local.outcome import RESULT
from kernelpipe.backends.local.session import EXECUTED, STEP_LOG
from kernelpipe.model.names import RunId
from kernelpipe.model.run import Run, RunState, parts_of
from kernelpipe.runs.attempts import find_attempts
from kernelpipe.runs.notebooks import SNAPSHOT
from kernelpipe.runs.store import DEFAULT_HOME
from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.ledger import Found
from kernelpipe.server.shared import Shared

if TYPE_CHECKING:
    from kernelpipe.server.watching import Watch

WATCH: Final = "kernelpipe_watch"
"""Where the application's settings hold the server's :class:`Watch`."""
RUN: Final = r"kernelpipe/runs/([^/]+)"
_READ: Final = (".", STEP_LOG, EXECUTED, RESULT)
"""What is read of an attempt."""
_RUN_ID: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def watch_of(shared: Shared) -> "Watch":
    """Return what watches the runs of this server.

    Raises:
        HTTPError: 503 if the server listens already, but has not started its extensions yet.
    """
    watch: Watch | None = shared.serverapp.web_app.settings.get(WATCH)
    if watch is None:
        raise HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, "the server is starting; try again soon")
    return watch


def expect_runs(shared: Shared, notebook: Path) -> None:
    """Look out for runs of a notebook that is open: the command line may start some."""
    watch_of(shared).ledger.expect(notebook.parent.resolve() / DEFAULT_HOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Which run: the home that keeps it (absolute, no links) and its id."""

    home: Path
    run_id: RunId


class RunHandler(KernelpipeHandler):
    """What the routes of one run have in common: ``folder`` and the id name it."""

    @property
    def watch(self) -> "Watch":
        """What watches the runs."""
        return watch_of(self.shared)

    def query(self, name: str, default: str | None = None) -> str:
        """Return a word of the query, as it was sent.

        Raises:
            HTTPError: 400 if it is missing and there is no default.
        """
        found: str | None = self.get_query_argument(name, default, strip=False)
        if found is None:
            raise HTTPError(400, f"'{name}' is missing")
        return found

    def named(self, run_id: str, *, folder: str | None = None) -> Named:
        """Return which run is meant.

        Raises:
            HTTPError: 404 if the folder is outside of what the server shows, or no run has such
                an id.
        """
        place = self.shared.contents.absolute(
            self.query("folder", "") if folder is None else folder
        )
        if not _RUN_ID.fullmatch(run_id):
            raise no_such_run(run_id)
        return Named(home=place.resolve() / DEFAULT_HOME, run_id=RunId(run_id))

    async def found(self, named: Named) -> Found:
        """Return the run.

        Raises:
            HTTPError: 404 if there is none.
        """
        found = await self.watch.ask(lambda: self.watch.ledger.find(named.home, named.run_id))
        if found is None or not is_safe(found.run):
            raise no_such_run(named.run_id)
        return found

    def step(self, found: Found) -> dict[str, Any]:
        """Return the step (``IStepRun``) that the query names.

        Raises:
            HTTPError: 404 if the run has no such step, 400 if none is named.
        """
        name = self.query("step")
        steps: list[dict[str, Any]] = found.detail["steps"]  # type: ignore[assignment]  # ours
        for step in steps:
            if step["name"] == name:
                return step
        raise HTTPError(404, f"run {found.run.id} has no step {name!r}")


def no_such_run(run_id: str) -> HTTPError:
    """Return the answer for a run that there is not."""
    return HTTPError(404, f"there is no run {run_id!r}; it may have been deleted")


def is_safe(run: Run) -> bool:
    """Tell whether the run's directory and its notebooks are where they belong.

    A store that somebody else made could name files anywhere, or hold links to them.
    """
    directory = Path(run.directory)
    notebooks = [directory / SNAPSHOT, run.notebook, *(step.notebook for step in run.steps)]
    return directory.resolve() == directory and all(
        is_inside(Path(each), run) for each in notebooks if each is not None
    )


def attempts(run: Run, step: str) -> list[list[Path]]:
    """Return the directories of the attempts at a step; at each item of one that is repeated here.

    Those that lead out of the run's directory, or whose files do, are left out.
    """
    position = [str(each.name) for each in run.steps].index(step)
    found = run.steps[position]
    is_repeated = run.cluster is None and "items" in json.loads(found.facts)
    items = range(len(parts_of(found))) if is_repeated else [None]
    return [
        [
            path
            for path in find_attempts(Path(run.directory), position, found.name, item=item)
            if all(is_inside(path / name, run) for name in _READ)
        ]
        for item in items
    ]


def telling_attempt(run: Run, step: str) -> list[Path]:
    """Return the directory of the attempt that tells of a step, [] if there is none.

    The last one; of a step that is repeated, that at its first item that has failed.
    """
    parts = parts_of(next(each for each in run.steps if each.name == step))
    groups = attempts(run, step)
    failed = [
        group
        for group, part in zip(groups, parts, strict=False)
        if group and part.state is RunState.FAILED
    ]
    started = [group for group in groups if group]
    return next(iter([*failed[:1], *started[-1:]]), [])[-1:]


def is_inside(path: Path, run: Run) -> bool:
    """Tell whether a file, its links followed, is in the run's directory."""
    return path.resolve().is_relative_to(Path(run.directory).resolve())
