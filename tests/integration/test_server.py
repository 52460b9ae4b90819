"""Tests of analysing, compiling and planning through a real Jupyter Server."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import kit
import pytest
import server_kit
from server_kit import Server
from typescript_types import Types

import kernelpipe

pytestmark = pytest.mark.integration

JSON = dict[str, Any]


@pytest.fixture
def folder(jupyter_server: Server) -> Path:
    """Return a folder that is this test's own."""
    return Path(tempfile.mkdtemp(dir=jupyter_server.root))


def _steps(source: str = "print(x)") -> JSON:
    return kit.notebook(
        kit.code("n = 3", "parameters"), kit.code("x = n", "step:a"), kit.code(source, "step:b")
    )


def _path(server: Server, file: Path) -> str:
    return file.relative_to(server.root).as_posix()


def _without_outputs(content: JSON) -> JSON:
    """Return a notebook as the browser sends it."""
    kept = ("id", "cell_type", "source", "metadata")
    return content | {
        "cells": [{key: cell[key] for key in kept} for cell in content["cells"]],
    }


def test_status__server__says_what_it_can_do(jupyter_server: Server) -> None:
    """Kubeflow can be compiled for; there is no cluster to run on."""
    found = jupyter_server.get("status")

    assert Types.read().problems("IStatus", found) == []
    assert found.pop("server")
    assert found == {
        "version": kernelpipe.__version__,
        "event_schema": "urn:kernelpipe:run:1",
        "backends": {
            "local": {"can_compile": False, "can_run": True, "reason": None},
            "kfp": {"can_compile": True, "can_run": False, "reason": "no cluster is configured"},
        },
    }


def test_analysis__notebook_that_is_not_saved__has_its_steps(jupyter_server: Server) -> None:
    """What the editor shows counts; there need not be a file."""
    content = _without_outputs(_steps())

    found = jupyter_server.post("analysis", {"path": "no/such/file.ipynb", "notebook": content})

    assert [step["name"] for step in found["steps"]] == ["a", "b"]
    assert found["path"] == "no/such/file.ipynb"
    assert found["name"] == "file"
    assert not (jupyter_server.root / "no").exists()


def test_analysis__wrong_notebook__names_cell_and_line(jupyter_server: Server) -> None:
    """A finding is an answer, no error."""
    content = _without_outputs(_steps("\nprint(y)"))

    found = jupyter_server.post("analysis", {"path": "a.ipynb", "notebook": content})

    places = [
        [each[key] for key in ("code", "path", "cell", "cell_id", "line")]
        for each in found["diagnostics"]
    ]
    assert places == [["KP203", "a.ipynb", 2, "c2", 2]]


def test_analysis__not_python__is_a_finding(jupyter_server: Server) -> None:
    """A notebook of another language has no steps, and that is no error."""
    content = _without_outputs(_steps())
    content["metadata"] = {"kernelspec": {"name": "ir", "language": "R"}}

    found = jupyter_server.post("analysis", {"path": "a.ipynb", "notebook": content})

    assert [each["code"] for each in found["diagnostics"]] == ["KP100"]
    assert found["steps"] == []


def test_analysis__200_cells__takes_less_than_half_a_second(tmp_path: Path) -> None:
    """Typing shows in the panel at once.

    Counted is the processors' time of all that takes part, the browser's wait on a machine that has
    nothing else to do, and the best of some tries: the first one loads modules.
    """
    cells = [kit.code("import numpy as np\nimport pandas as pd", "imports")]
    for i in range(200):
        before = f"df{i} = df{i}.merge(df{i - 1}, on='a')\nprint(df{i}.head())" if i else ""
        source = f"df{i} = pd.DataFrame({{'a': np.arange(10)}})\ndf{i}['b'] = {i}\n{before}"
        cells.append(kit.code(source, *([f"step:s{i // 5}"] if i % 5 == 0 else [])))
    content = _without_outputs(kit.notebook(*cells))
    times = []

    with server_kit.running(tmp_path) as server:
        for number in range(6):
            content["cells"][100]["source"] += f"\nprint({number})"
            before_s = _cpu_s(server.process.pid)
            found = server.post("analysis", {"path": "big.ipynb", "notebook": content})
            times.append(_cpu_s(server.process.pid) - before_s)

    assert len(found["steps"]) == 40
    assert min(times) < 0.5


def _cpu_s(pid: int) -> float:
    """Return what a process and its children have used of the processors, in seconds."""
    used = 0.0
    for each in (pid, *_children(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def test_compile__example__is_what_the_command_writes(jupyter_server: Server, folder: Path) -> None:
    """One notebook, one pipeline, whoever compiles it."""
    example = Path(__file__).parents[2] / "example_notebooks" / "wine_classification.ipynb"
    file = folder / "wine.ipynb"
    file.write_bytes(example.read_bytes())
    content = _without_outputs(kit.read(file))

    found = jupyter_server.post(
        "compile", {"path": _path(jupyter_server, file), "notebook": content, "save": True}
    )

    written = folder / "command.yaml"
    subprocess.run(
        [sys.executable, "-m", "kernelpipe", "compile", str(file), "-o", str(written)], check=True
    )
    assert found["yaml"].encode() == written.read_bytes()
    assert (folder / "wine.yaml").read_bytes() == written.read_bytes()
    assert found["saved"] == _path(jupyter_server, folder / "wine.yaml")
    assert found["file_name"] == "wine.yaml"


def test_compile__not_to_be_saved__writes_nothing(jupyter_server: Server, folder: Path) -> None:
    """A download needs no file here."""
    found = jupyter_server.post(
        "compile",
        {"path": f"{folder.name}/a.ipynb", "notebook": _without_outputs(_steps()), "save": False},
    )

    assert Types.read().problems("ICompiled", found) == []
    assert found["yaml"].startswith("components:\n")
    assert found["saved"] is None
    assert found["file_name"] == "a.yaml"
    assert list(folder.iterdir()) == []


def test_compile__saved_again__replaces_the_pipeline(jupyter_server: Server, folder: Path) -> None:
    """What was compiled before is ours to replace."""
    body = {"path": f"{folder.name}/a.ipynb", "notebook": _without_outputs(_steps()), "save": True}
    jupyter_server.post("compile", body)
    body["notebook"] = _without_outputs(_steps("print(x + 1)"))

    found = jupyter_server.post("compile", body)

    assert (folder / "a.yaml").read_text() == found["yaml"]


def test_compile__file_of_the_user_is_in_the_way__is_refused(
    jupyter_server: Server, folder: Path
) -> None:
    """Nobody's settings are overwritten by a click."""
    (folder / "a.yaml").write_text("lr: 0.1\n")
    body = {"path": f"{folder.name}/a.ipynb", "notebook": _without_outputs(_steps()), "save": True}

    answer = jupyter_server.request("POST", "compile", body)

    assert answer.status == 400
    assert "a.yaml is there already" in answer.message
    assert (folder / "a.yaml").read_text() == "lr: 0.1\n"


@pytest.mark.parametrize("name", ["b.ipynb", "../outside.yaml"])
def test_compile__link_is_in_the_way__is_refused(
    jupyter_server: Server, folder: Path, name: str
) -> None:
    """A link cannot make it write over a notebook, or outside."""
    (folder / "b.ipynb").write_text("pipelineInfo:")
    (folder / "a.yaml").symlink_to(folder / name if name[0] != "." else jupyter_server.root / name)
    body = {"path": f"{folder.name}/a.ipynb", "notebook": _without_outputs(_steps()), "save": True}

    answer = jupyter_server.request("POST", "compile", body)

    assert answer.status in {400, 404}
    assert (folder / "b.ipynb").read_text() == "pipelineInfo:"
    assert not (jupyter_server.root.parent / "outside.yaml").exists()


def test_compile__wrong_notebook__has_all_diagnostics(jupyter_server: Server, folder: Path) -> None:
    """The refusal names the notebook as its users know it."""
    path = f"{folder.name}/a.ipynb"
    body = {"path": path, "notebook": _without_outputs(_steps("print(y, z)")), "save": True}

    answer = jupyter_server.request("POST", "compile", body)

    assert answer.status == 422
    assert answer.json["error"]["type"] == "CompileError"
    assert answer.message.startswith(f"{path} cell 2, line 1: error[KP203]")
    assert [
        [each[key] for key in ("code", "path", "cell_id")] for each in answer.json["diagnostics"]
    ] == [["KP203", path, "c2"], ["KP203", path, "c2"]]
    assert list(folder.iterdir()) == []


def test_plan__saved_notebook__says_what_would_run(jupyter_server: Server, folder: Path) -> None:
    """Each step with its verdict."""
    file = kit.write(folder / "a.ipynb", *_steps()["cells"])
    content = _without_outputs(kit.read(file))

    found = jupyter_server.post(
        "plan", {"path": _path(jupyter_server, file), "notebook": content, "parameters": {"n": 5}}
    )

    assert Types.read().problems("IPlan", found) == []
    step = {"verdict": "run", "reasons": ["never run"], "expected_s": None}
    assert found == {
        "steps": [{"name": "a", **step}, {"name": "b", **step}],
        "expected_s": None,
    }


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        pytest.param({"parameters": {"m": 1}}, 400, "'m'", id="an unknown parameter"),
        pytest.param({"parameters": {"n": "x"}}, 400, "'n'", id="a wrong value"),
        pytest.param({"only": ["c"]}, 400, "'c'", id="an unknown step"),
        pytest.param({"jobs": "2"}, 400, "'jobs' must be a whole number", id="a wrong type"),
        pytest.param({"notebook": _steps("1")}, 409, "save the notebook", id="another notebook"),
        pytest.param({"path": "nothing.ipynb"}, 422, "there is no such file", id="no file"),
    ],
)
def test_plan__what_cannot_be__is_refused(
    jupyter_server: Server, folder: Path, change: JSON, status: int, message: str
) -> None:
    """The message says what is wrong."""
    file = kit.write(folder / "a.ipynb", *_steps()["cells"])
    body = {"path": _path(jupyter_server, file), "notebook": kit.read(file), "parameters": {}}

    answer = jupyter_server.request("POST", "plan", body | change)

    assert answer.status == status
    assert message in answer.message


@pytest.mark.parametrize(("depth", "status"), [(500, 200), (5000, 400)])
def test_analysis__metadata_nested_deeply__breaks_nothing(
    jupyter_server: Server, depth: int, status: int
) -> None:
    """What cannot be read is the request's fault."""
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    content = json.dumps(_without_outputs(_steps())).encode()
    content = content.replace(
        b'"metadata": {"tags"', b'"metadata": {"deep": ' + nested + b', "tags"'
    )

    answer = jupyter_server.request(
        "POST", "analysis", b'{"path": "a.ipynb", "notebook": ' + content + b"}"
    )

    assert answer.status == status


def test_server__settings__are_obeyed(tmp_path: Path) -> None:
    """Whoever runs the server sets the limits."""
    body = {"path": "a.ipynb", "notebook": _without_outputs(_steps())}
    limits = ("--KernelpipeServer.max_body_bytes=2000", "--KernelpipeServer.analysis_timeout_s=0.1")

    with server_kit.running(tmp_path, *limits) as server:
        slow = server.request("POST", "analysis", body)  # its process has to start first
        large = server.request("POST", "analysis", body | {"more": "x" * 2000})

    assert (slow.status, slow.message) == (
        422,
        "this notebook took longer than 0.1 s and was given up",
    )
    assert large.status == 413


def test_server__contents_not_in_files__says_so(tmp_path: Path) -> None:
    """With another contents manager there is no path to anything."""
    (tmp_path / "elsewhere.py").write_text(
        "from jupyter_server.services.contents.manager import ContentsManager\n"
        "class Elsewhere(ContentsManager):\n"
        "    root_dir = '/'\n"
    )
    found_in = {"PYTHONPATH": os.pathsep.join([str(server_kit.REPOSITORY), str(tmp_path)])}
    manager = "--ServerApp.contents_manager_class=elsewhere.Elsewhere"
    body = {"path": "a.ipynb", "notebook": _without_outputs(_steps())}

    with server_kit.running(tmp_path, manager, environment=found_in) as server:
        status = server.request("GET", "status").status
        answer = server.request("POST", "analysis", body)

    assert status == 200
    assert answer.status == 400
    assert "not kept in files" in answer.message


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_server__ends__its_processes_end(tmp_path: Path, end: str) -> None:
    """However it ends, nothing is left running."""
    with server_kit.running(tmp_path) as server:
        server.post("analysis", {"path": "a.ipynb", "notebook": _without_outputs(_steps())})
        workers = _children(server.process.pid)

        getattr(server, end)()

        assert len(workers) == 1
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]
