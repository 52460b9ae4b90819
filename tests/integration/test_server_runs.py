"""Runs on a real server: started, watched, stopped, continued, and left alone when it ends."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import event_kit
import kit
import processes
import pytest
import server_kit
from server_kit import Server

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

WAIT = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.02)"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder of a server with one notebook in it."""

    server: Server
    name: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.server.root / self.name

    def write(self, *cells: Mapping[str, Any]) -> None:
        """Write the notebook."""
        self.folder.mkdir(exist_ok=True)
        kit.write(self.folder / "n.ipynb", *cells)

    def request(self, **more: object) -> dict[str, Any]:
        """Return what asks for a run of it."""
        notebook = json.loads((self.folder / "n.ipynb").read_text(encoding="utf-8"))
        return {"path": f"{self.name}/n.ipynb", "notebook": notebook, "parameters": {}, **more}

    def start(self, **more: object) -> str:
        """Start a run and return its id."""
        run_id: str = self.server.post("runs", self.request(**more))["run_id"]
        return run_id

    def get(self, run_id: str, route: str = "", **query: str) -> Any:
        """Return what a route of a run answers."""
        return self.server.get(f"runs/{run_id}{route}", folder=self.name, **query)

    def post(self, run_id: str, route: str, body: object = None) -> server_kit.Answer:
        """Return what a route of a run answers."""
        return self.server.request(
            "POST", f"runs/{run_id}{route}", body or {}, query={"folder": self.name}
        )

    def let_go(self) -> None:
        """Let cells that wait go on."""
        (self.folder / "go").touch()

    def left_running(self) -> list[str]:
        """Return the processes that work in the folder after those that are ending have ended."""
        return processes.Commands(folder=self.folder).left_running()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that all tests share that do not end it."""
    with server_kit.running(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def place(server: Server, request: pytest.FixtureRequest) -> Place:
    """Return a folder of the test's own."""
    return Place(server=server, name=request.node.name.replace("test_", "")[:40])


def _states(run: Mapping[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in run["steps"]}


def test_start__parallel_steps__are_told_without_gaps(server: Server, place: Place) -> None:
    """Every state comes over the socket, numbered one by one, the run's end last."""
    place.write(
        kit.code("rate = 2", "parameters"),
        kit.code("x = list(range(1000))", "step:a"),
        kit.code("print('é', sum(x) * rate)\ny = sum(x)", "step:b"),
        kit.code("z = max(x)", "step:c"),
        kit.code("print(y + z)", "step:d"),
    )

    with event_kit.listening(server) as listener:
        run_id = place.start(parameters={"rate": 3})
        ended = listener.wait_for_end(run_id)

    numbers = [event["seq"] for event in listener.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {event["server"] for event in listener.events} == {server.get("status")["server"]}
    assert listener.events[-1]["kind"] == "run"
    assert (ended["state"], ended["given"], ended["path"]) == (
        "SUCCEEDED",
        {"rate": 3},
        f"{place.name}/n.ipynb",
    )
    assert (ended["steps_done"], ended["steps_total"]) == (4, 4)
    last = {each["step"]["name"]: each["step"] for each in listener.of(run_id, "step")}
    assert {name: step["state"] for name, step in last.items()} == dict.fromkeys(
        "abcd", "SUCCEEDED"
    )
    assert {step["cells_done"] == step["cells_total"] for step in last.values()} == {True}
    cells = {(e["cell"]["step"], e["cell"]["cell"]): e["cell"] for e in listener.of(run_id, "cell")}
    assert cells["b", 2] == {"cell": 2, "cell_id": "c2", "step": "b", "state": "SUCCEEDED"}


def test_snapshot__run_that_ended__has_everything(server: Server, place: Place) -> None:
    """What a browser asks for later is what the events said, and the sizes on the edges."""
    place.write(
        kit.code("x = 'a' * 100_000", "step:a"), kit.code("print(len(x))\nn = len(x)", "step:b")
    )
    with event_kit.listening(server) as listener:
        run_id = place.start()
        ended = listener.wait_for_end(run_id)

    answer = place.get(run_id)

    run = answer["run"]
    assert answer["seq"] >= listener.events[-1]["seq"]
    assert {name: run[name] for name in ended} == ended
    assert _states(run) == {"a": "SUCCEEDED", "b": "SUCCEEDED"}
    edge = run["edges"][0]
    assert (edge["from"], edge["to"], edge["names"]) == ("a", "b", ["x"])
    assert 100_000 < edge["bytes"] < 102_000
    assert [cell["state"] for cell in run["cells"]] == ["SUCCEEDED", "SUCCEEDED"]
    listed = server.get("runs")["runs"]
    assert next(each for each in listed if each["run_id"] == run_id) == ended


def test_failure__mended_and_resumed__runs_only_the_rest(server: Server, place: Place) -> None:
    """A failed step says cell, line and traceback; once mended, the others are not run again."""
    place.write(
        kit.code("x = 1", "step:a"),
        kit.code("y = x\n1 / 0", "step:b"),
        kit.code("print(y)", "step:c"),
    )
    with event_kit.listening(server) as listener:
        run_id = place.start()
        ended = listener.wait_for_end(run_id)

        assert (ended["state"], ended["failed_step"]) == ("FAILED", "b")
        failed = place.get(run_id, "/failure", step="b")
        assert (failed["cell"], failed["cell_id"], failed["line"], failed["ename"]) == (
            1,
            "c1",
            2,
            "ZeroDivisionError",
        )
        assert "division by zero" in failed["traceback"][-1]
        states = [e["cell"]["state"] for e in listener.of(run_id, "cell") if e["cell"]["cell"] == 1]
        assert states == ["RUNNING", "FAILED"]

        place.write(
            kit.code("x = 1", "step:a"),
            kit.code("y = x\n1 / 1", "step:b"),
            kit.code("print(y)", "step:c"),
        )
        resumed = place.post(run_id, "/resume", {"notebook": place.request()["notebook"]})
        assert resumed.status == 201
        again = listener.wait_for_end(resumed.json["run_id"])

    assert (again["state"], again["resumes"]) == ("SUCCEEDED", run_id)
    steps = place.get(again["run_id"])["run"]["steps"]
    assert {step["name"]: step["cached"] for step in steps} == {"a": True, "b": False, "c": False}
    log = place.get(again["run_id"], "/log", step="a", offset="0")
    assert log == place.get(run_id, "/log", step="a", offset="0")
    assert log["is_complete"]


def test_stop__running_cell__leaves_no_process(server: Server, place: Place) -> None:
    """The run says that it was stopped; its kernels are gone."""
    place.write(kit.code("print('begun', flush=True)\n" + WAIT, "step:a"))

    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_cell(run_id, "a")
        stopped = place.post(run_id, "/stop")
        ended = listener.wait_for_end(run_id)

    assert stopped.status == 200
    assert (ended["state"], ended["reason"]) == ("CANCELED", "stopped by SIGINT")
    assert place.left_running() == []
    again = place.post(run_id, "/stop")
    assert (again.status, again.message) == (409, f"run {run_id} has ended")


def test_start__two_at_once__both_succeed(server: Server, place: Place) -> None:
    """Two runs of one notebook go on side by side."""
    place.write(kit.code("n = 0", "parameters"), kit.code(WAIT + "\nprint(n)", "step:a"))

    with event_kit.listening(server) as listener:
        ids = [place.start(parameters={"n": n}) for n in (1, 2)]
        for run_id in ids:
            listener.wait_for_cell(run_id, "a")
        place.let_go()
        ended = [listener.wait_for_end(run_id)["state"] for run_id in ids]

    assert ended == ["SUCCEEDED", "SUCCEEDED"]


def test_start__file_differs_from_editor__is_refused(server: Server, place: Place) -> None:
    """What runs is what the user sees; nothing is started, nothing is written."""
    place.write(kit.code("x = 1", "step:a"))
    request = place.request()
    request["notebook"]["cells"][0]["source"] = "x = 2"

    answer = server.request("POST", "runs", request)

    assert answer.status == 409
    assert "says something else than the editor" in answer.message
    assert [each.name for each in place.folder.iterdir()] == ["n.ipynb"]


@pytest.mark.parametrize(
    ("source", "more", "status", "message"),
    [
        pytest.param("x = 1", {"parameters": {"z": 1}}, 400, "'z' is not a parameter", id="name"),
        pytest.param("x = 1", {"only": ["b"]}, 400, "'b'", id="step"),
        pytest.param("x = (", {}, 422, "KP201", id="syntax"),
        pytest.param("x = 1", {"path": "missing.ipynb"}, 422, "missing.ipynb", id="no file"),
        pytest.param("x = 1", {"path": "../n.ipynb"}, 404, "there is no file", id="outside"),
        pytest.param("x = 1", {"jobs": 0}, 400, "jobs", id="jobs"),
    ],
)
def test_start__wrong_request__says_why(
    place: Place, source: str, more: dict[str, Any], status: int, message: str
) -> None:
    """Nothing is started, and the answer says what is wrong."""
    place.write(kit.code(source, "step:a"))

    answer = place.server.request("POST", "runs", place.request(**more))

    assert (answer.status, message in json.dumps(answer.json)) == (status, True), answer.content
    assert not (place.folder / ".kernelpipe").exists()


def test_log__read_while_written__comes_in_pieces(server: Server, place: Place) -> None:
    """The pieces are the whole log, and no character is lost between them."""
    place.write(kit.code("print('ä' * 50, flush=True)\n" + WAIT + "\nprint('ö')", "step:a"))

    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_cell(run_id, "a")
        text, offset = "", 0
        while "ä" * 50 not in text:
            piece = place.get(run_id, "/log", step="a", offset=str(offset))
            text, offset = text + piece["text"], piece["next_offset"]
            assert not piece["is_complete"]
        place.let_go()
        listener.wait_for_end(run_id)

    rest = place.get(run_id, "/log", step="a", offset=str(offset))
    whole = place.get(run_id, "/log", step="a", offset="0")
    assert rest["is_complete"]
    assert text + rest["text"] == whole["text"]
    assert "ö" in rest["text"]


def test_notebook__of_step_and_run__hold_the_outputs(server: Server, place: Place) -> None:
    """The executed notebook can be read while the run goes on, and when it has ended."""
    place.write(
        kit.code("print('one')\nx = 1", "step:a"), kit.code(WAIT + "\nprint('two', x)", "step:b")
    )
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_cell(run_id, "b")
        so_far = place.get(run_id, "/notebook")
        of_step = place.get(run_id, "/notebook", step="a")
        place.let_go()
        listener.wait_for_end(run_id)

    whole = place.get(run_id, "/notebook")

    texts = [[o["text"] for o in cell["outputs"]] for cell in so_far["cells"]]
    assert ["".join(each[0]) if each else "" for each in texts] == ["one\n", ""]
    assert "one" in json.dumps(of_step)
    assert "two 1" in json.dumps(whole)


def test_values__of_several_kinds__are_shown(server: Server, place: Place) -> None:
    """Names, types and sizes of all; a table for a frame; what is large is not loaded."""
    place.write(
        kit.code(
            "import pandas as pd\n"
            "frame = pd.DataFrame({'a': range(100), 'b': 'x'})\n"
            "words = ['one', 'two']\n"
            "class Odd:\n    def __repr__(self): raise ValueError('no')\n"
            "odd = Odd()\n"
            "big = bytearray(30_000_000)",
            "step:a",
        ),
        kit.code("print(len(frame), words, type(odd), len(big))", "step:b"),
    )
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_end(run_id)

    values = {each["name"]: each for each in place.get(run_id, "/values", step="a")["values"]}

    assert values["frame"]["table"]["columns"] == ["", "a", "b"]
    assert values["frame"]["table"]["rows"][1] == ["1", "1", "x"]
    assert values["frame"]["table"]["shape"] == "100 rows x 2 columns"
    assert (values["words"]["type"], values["words"]["text"]) == ("list", "['one', 'two']")
    assert "cannot be shown: ValueError: no" in values["odd"]["text"]
    assert values["big"]["text"] is None
    assert values["big"]["note"] == "not loaded: it is large"
    assert values["big"]["bytes"] > 30_000_000
    assert place.get(run_id, "/values", step="b")["values"] == []


def test_values__home_from_elsewhere__are_not_loaded(server: Server, place: Place) -> None:
    """To load a value may execute code: a folder that was unpacked must not do so when looked at.

    As soon as a run is started there, its code is executed anyway.
    """
    place.write(kit.code("x = [1]", "step:a"), kit.code("print(x)", "step:b"))
    run_id = processes.Commands(folder=place.folder).call("run", "n.ipynb").document["run_id"]

    before = place.get(run_id, "/values", step="a")["values"][0]
    with event_kit.listening(server) as listener:
        listener.wait_for_end(place.start())
    after = place.get(run_id, "/values", step="a")["values"][0]

    assert (before["name"], before["type"], before["text"]) == ("x", "list", None)
    assert before["note"].startswith("not loaded: the run was not made here")
    assert (after["text"], after["note"]) == ("[1]", None)


def test_run__files_that_are_links__are_not_followed(
    server: Server, place: Place, tmp_path: Path
) -> None:
    """A store that was made by somebody else cannot lead out of its runs."""
    place.write(kit.code("x = 1", "step:a"))
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_end(run_id)
    (tmp_path / "log.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "executed.ipynb").write_text('"secret"', encoding="utf-8")
    directory = place.folder / ".kernelpipe" / "runs" / run_id
    query = {"folder": place.name, "step": "a"}

    log_file = directory / "steps" / "01-a" / "log.txt"
    log_file.unlink()
    log_file.symlink_to(tmp_path / "log.txt")
    link = server.request("GET", f"runs/{run_id}/log", query=query)
    (directory / "steps" / "01-a").rename(tmp_path / "moved")
    (directory / "steps" / "01-a").symlink_to(tmp_path)
    log = server.request("GET", f"runs/{run_id}/log", query=query)
    notebook = server.request("GET", f"runs/{run_id}/notebook", query=query)
    directory.rename(tmp_path / "run")
    directory.symlink_to(tmp_path / "run")
    linked = server.request("GET", f"runs/{run_id}", query=query)

    assert link.json["text"] == ""
    assert log.status == 404
    assert notebook.status == 404
    assert linked.status == 404


def test_comparison__two_runs__names_what_differs(server: Server, place: Place) -> None:
    """Parameters and outputs, in the words of the command."""
    place.write(kit.code("n = 0", "parameters"), kit.code("print(n)", "step:a"))
    with event_kit.listening(server) as listener:
        before, after = (place.start(parameters={"n": n}) for n in (1, 2))
        for run_id in (before, after):
            listener.wait_for_end(run_id)

    found = place.get(after, "/comparison", **{"with": before, "with_folder": place.name})

    assert (found["before"], found["after"]) == (before, after)
    assert found["sections"] == [
        {"title": "parameters", "lines": ["n  1 -> 2"]},
        {"title": "outputs", "lines": ["cell 1", "  @@ -1 +1 @@", "  -1", "  +2"]},
    ]


def test_report__of_a_run__is_a_sandboxed_page(server: Server, place: Place) -> None:
    """It is kept as a file, and whatever is in it does nothing on the server's origin."""
    place.write(kit.code("print('hello there')", "step:a"))
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_end(run_id)

    answer = server.request("GET", f"runs/{run_id}/report", query={"folder": place.name})

    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{run_id}.html"'
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"hello there" in answer.content


def test_delete__ended_run__removes_its_files(server: Server, place: Place) -> None:
    """It is told to everybody; a run that goes on is kept."""
    place.write(kit.code(WAIT, "step:a"))
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_cell(run_id, "a")
        refused = server.request("DELETE", f"runs/{run_id}", query={"folder": place.name})
        place.let_go()
        listener.wait_for_end(run_id)
        removed = server.request("DELETE", f"runs/{run_id}", query={"folder": place.name})
        listener.wait(lambda e: e["kind"] == "removed" and e["run_id"] == run_id)

    assert (refused.status, removed.status, removed.content) == (409, 204, b"")
    assert not (place.folder / ".kernelpipe" / "runs" / run_id).exists()
    assert run_id not in [run["run_id"] for run in server.get("runs")["runs"]]
    gone = server.request("GET", f"runs/{run_id}", query={"folder": place.name})
    assert gone.status == 404


def test_list__run_of_the_command_line__appears_live(server: Server, place: Place) -> None:
    """A run that was started in a terminal is watched, and can be stopped, all the same."""
    place.write(kit.code(WAIT, "step:a"))
    commands = processes.Commands(folder=place.folder)

    with event_kit.listening(server) as listener:
        server.post("analysis", {"path": f"{place.name}/n.ipynb", **_notebook(place)})
        command = commands.start("run", "n.ipynb")
        try:
            event = listener.wait(lambda e: e["folder"] == place.name and e["kind"] == "cell")
            stopped = place.post(event["run_id"], "/stop")
            ended = listener.wait_for_end(event["run_id"])
        finally:
            place.let_go()
            command.communicate(timeout=60)

    assert stopped.status == 200
    assert ended["state"] == "CANCELED"
    assert command.returncode == 130


def _notebook(place: Place) -> dict[str, Any]:
    return {"notebook": place.request()["notebook"]}


@pytest.mark.parametrize(
    ("folder", "run_id"),
    [
        pytest.param("../..", "20260101-000000-abcd", id="parents"),
        pytest.param("link", "20260101-000000-abcd", id="link that leads out"),
        pytest.param("", "..%2F..", id="id with parents"),
        pytest.param("", "latest", id="no id"),
        pytest.param("", "20260101-000000-abcd", id="no such run"),
        pytest.param(".kernelpipe", "20260101-000000-abcd", id="hidden folder"),
    ],
)
def test_run__outside_of_the_root__is_not_found(
    server: Server, tmp_path: Path, folder: str, run_id: str
) -> None:
    """The answer is the same whether there is something or not."""
    kit.write(tmp_path / "n.ipynb", kit.code("x = 1", "step:a"))
    link = server.root / "link"
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path)

    for route in ("", "/log", "/notebook", "/values", "/failure", "/report"):
        answer = server.request(
            "GET", f"runs/{run_id}{route}", query={"folder": folder, "step": "a"}
        )
        assert answer.status == 404, (route, answer.content)
        assert answer.json["error"]["type"] == "NotFound"


# -- the server ends, the run does not -----------------------------------------------------------
@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
def test_restart__during_a_run__is_picked_up(tmp_path: Path, is_killed: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """The run goes on without the server; the next one finds it live, and sees it end well."""
    first = server_kit.start(tmp_path)
    place = Place(server=first, name="project")
    try:
        place.write(kit.code("x = 1\n" + WAIT, "step:a"), kit.code("print(x)", "step:b"))
        with event_kit.listening(first) as listener:
            run_id = place.start()
            listener.wait_for_cell(run_id, "a")
    finally:
        if is_killed:
            first.kill()
        else:
            first.stop()
    says_so = "1 run goes on without this server" in first.log.read_text(encoding="utf-8")
    assert says_so is not is_killed

    with server_kit.running(tmp_path) as second, event_kit.listening(second) as listener:
        place = Place(server=second, name="project")
        found = second.get("runs")["runs"]
        before = place.get(run_id)["run"]
        place.let_go()
        ended = listener.wait_for_end(run_id)
        after = place.get(run_id)["run"]

    assert [(run["run_id"], run["state"]) for run in found] == [(run_id, "RUNNING")]
    assert before["cells"] == [{"cell": 0, "cell_id": "c0", "step": "a", "state": "RUNNING"}]
    assert ended["state"] == "SUCCEEDED"
    assert _states(after) == {"a": "SUCCEEDED", "b": "SUCCEEDED"}
    assert place.left_running() == []


def test_worker__killed__run_is_lost(server: Server, place: Place) -> None:
    """The run is FAILED with the store's reason, and that is told once."""
    place.write(kit.code("x = 1\n" + WAIT, "step:a"), kit.code("print(x)", "step:b"))
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_cell(run_id, "a")
        os.kill(_worker(place), signal.SIGKILL)
        ended = listener.wait_for_end(run_id)
        place.let_go()  # what the worker left behind must not wait for ever
        server.get("runs")

    assert (ended["state"], ended["reason"]) == (
        "FAILED",
        "lost: the process ended without finishing",
    )
    assert _states(place.get(run_id)["run"]) == {"a": "FAILED", "b": "SKIPPED"}
    finals = [e for e in listener.of(run_id, "run") if e["run"]["state"] == "FAILED"]
    assert len(finals) == 1
    cell = place.get(run_id)["run"]["cells"][0]
    assert cell["state"] == "FAILED"


def _worker(place: Place) -> int:
    """Return the pid of the worker in a folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                folder = (entry / "cwd").resolve()
            except OSError:
                continue
            if b"kernelpipe.server.worker" in words and folder == place.folder:
                return int(entry.name)
    raise AssertionError("there is no worker")


def test_worker__ended__is_no_zombie(server: Server, place: Place) -> None:
    """The server takes note of the ends of its children."""
    place.write(kit.code(WAIT, "step:a"))
    with event_kit.listening(server) as listener:
        run_id = place.start()
        listener.wait_for_cell(run_id, "a")
        worker = Path("/proc", str(_worker(place)))
        place.let_go()
        listener.wait_for_end(run_id)
        assert place.left_running() == []

        place.start()  # by then the server has looked again

    assert not worker.exists()
