"""What the server answers, held against the types by which the panel reads it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import event_kit
import kit
import pytest
import server_kit
from server_kit import Server
from typescript import Checker, Object, read_types

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

TYPES = read_types(Path(__file__).parents[2] / "labextension" / "src" / "api.ts")
REQUESTS = {
    "ICellContent",
    "INotebookContent",
    "IRunRequest",
    "IScheduleRequest",
    "TagEdit",
    "Trigger",
}
"""What only the panel sends."""
OF_CLUSTERS = {"ISchedule"}
"""What the tests look at that have a cluster."""
CELLS = (
    kit.markdown("# Title"),
    kit.code("import json", "imports"),
    kit.code("n = 3\nname = None\nrates = [1, 2]", "parameters"),
    kit.code("rows = [n, n]\nn_rows = len(rows)", "step:load", "memory:1Gi", "foreign"),
    kit.code("print(rows)\ntotal = sum(rows)", "step:total", "prev:load"),
    kit.code("print(total)", "metrics"),
)
LOOP = kit.code("print(rate)", "step:each", "foreach:rate in rates")
LATE = kit.code("late = 1", "step:late")
FAILING = kit.code("print(total)\n1 / 0", "step:fail", "prev:total")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server with a run that succeeded and one that failed, and the events of both."""

    server: Server
    good: str
    bad: str
    events: list[event_kit.Event]

    def notebook(self) -> dict[str, Any]:
        """Return the notebook as it stands on the disk."""
        found: dict[str, Any] = json.loads((self.server.root / "n.ipynb").read_bytes())
        return found

    def get(self, run_id: str, route: str = "", **query: str) -> Any:
        """Return what a route of a run answers."""
        return self.server.get(f"runs/{run_id}{route}", folder="", **query)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return the server, once both runs have ended."""
    with server_kit.running(tmp_path_factory.mktemp("types")) as server:
        path = server.root / "n.ipynb"
        with event_kit.listening(server) as listener:
            runs = []
            for cells, parameters in (((*CELLS, LOOP), {"n": 4}), ((*CELLS, FAILING), {})):
                kit.write(path, *cells)
                body = {
                    "path": "n.ipynb",
                    "notebook": json.loads(path.read_bytes()),
                    "parameters": parameters,
                }
                runs.append(server.post("runs", body)["run_id"])
                listener.wait_for_end(runs[-1])
        yield Place(server=server, good=runs[0], bad=runs[1], events=listener.events)


def _documents(place: Place) -> Iterator[tuple[object, str]]:
    """Yield what each route answers, with the name of its type."""
    sent = {"path": "n.ipynb", "notebook": place.notebook()}
    wrong = kit.notebook(*CELLS, kit.code("x = late", "step:x", "prev:nowhere"), LATE)
    edit = {"kind": "step", "ids": ["a"], "step": "load"}
    cells = [{"id": "a", "cell_type": "code", "tags": ["foreign"]}]
    yield place.server.get("status"), "IStatus"
    yield place.server.post("analysis", sent), "IAnalysis"
    yield place.server.post("analysis", sent | {"notebook": wrong}), "IAnalysis"
    yield place.server.post("compile", sent | {"save": False}), "ICompiled"
    yield place.server.post("compile", sent | {"save": True}), "ICompiled"
    yield place.server.post("plan", sent | {"parameters": {}}), "IPlan"
    untagged = kit.notebook(*({**cell, "metadata": {}} for cell in CELLS))
    yield place.server.post("proposal", sent | {"notebook": untagged}), "IProposal"
    for tags in place.server.post("tags", {"cells": cells, "edit": edit})["cells"]:
        yield tags, "ITags"
    yield place.server.get("runs"), "IRunList"
    for line in ("0 3 * * *", "0 3 * *"):
        yield place.server.get("schedule-words", cron=line), "IScheduleWords"
    for run_id in (place.good, place.bad):
        yield place.get(run_id), "IRunSnapshot"
        yield place.get(run_id, "/log", step="total", offset="0"), "ILog"
        for value in place.get(run_id, "/values", step="load")["values"]:
            yield value, "IValuePreview"
    yield place.get(place.bad, "/failure", step="fail"), "IFailure"
    query = {"with": place.good, "with_folder": ""}
    yield place.get(place.bad, "/comparison", **query), "IComparison"
    for event in place.events:
        # The socket adds the schema's name, by which the panel picks our events.
        yield {name: value for name, value in event.items() if name != "schema_id"}, "IRunEvent"


def test_answers__all_routes_and_events__are_what_the_panel_reads(place: Place) -> None:
    """Every document has the properties of its interface, of their types, and no others."""
    checker = Checker(TYPES)

    problems = {
        problem
        for document, name in _documents(place)
        for problem in checker.problems(document, name)
    }

    assert sorted(problems) == []
    assert set(TYPES) - checker.seen - REQUESTS - OF_CLUSTERS == set()


def test_refusal__of_a_notebook__has_diagnostics_that_the_panel_reads(place: Place) -> None:
    """An error's document has a message, the exception's name, and what the notebook lacks."""
    wrong = kit.notebook(kit.code("def (", "step:a"))

    answer = place.server.request(
        "POST", "compile", {"path": "n.ipynb", "notebook": wrong, "save": False}
    )

    diagnostics = answer.json["diagnostics"]
    checker = Checker(TYPES)
    assert (answer.status, set(answer.json)) == (422, {"error", "diagnostics"})
    assert {name: type(value) for name, value in answer.json["error"].items()} == {
        "type": str,
        "message": str,
    }
    assert diagnostics
    assert [p for each in diagnostics for p in checker.problems(each, "IDiagnostic")] == []


def test_schema__of_events__names_the_same_properties() -> None:
    """What is checked when an event is sent is what the panel expects."""
    import yaml

    path = server_kit.REPOSITORY / "kernelpipe" / "server" / "events.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = TYPES["IRunEvent"]
    assert isinstance(wanted, Object)

    assert set(document["properties"]) == {field.name for field in wanted.fields}
    assert set(document["required"]) == {f.name for f in wanted.fields if not f.is_optional}
