"""Tests of the commands that start no kernel, on real notebooks."""

import json
import re
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe.cli import main
from kernelpipe.compiler import parse_yaml


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a good notebook in a folder with a space in its name."""
    return kit.write(
        tmp_path / "my work" / "churn.ipynb",
        kit.code("n = 3\nrate = 0.5\ndouble = n * 2", "parameters"),
        kit.markdown("# Churn"),
        kit.code("data = list(range(n))", "step:load"),
        kit.code("total = sum(data) * rate", "step:total"),
    )


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """Return a notebook that reads a name which nothing defines."""
    return kit.write(tmp_path / "wrong.ipynb", kit.code("a = 1\nb = missing + a", "step:a"))


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_graph__json__has_the_documented_shape(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document is the one that the design describes."""
    assert main(["graph", str(notebook), "--json"]) == 0

    document = _json(capsys)
    assert document == {
        "name": "churn",
        "parameters": [
            {"name": "n", "type": "int", "default": 3},
            {"name": "rate", "type": "float", "default": 0.5},
        ],
        "steps": [
            {
                "name": "load",
                "cells": [2],
                "after": [],
                "inputs": [{"name": "n", "from": None}],
                "outputs": ["data"],
                "metrics": [],
                "settings": {},
            },
            {
                "name": "total",
                "cells": [3],
                "after": ["load"],
                "inputs": [{"name": "data", "from": "load"}, {"name": "rate", "from": None}],
                "outputs": [],
                "metrics": [],
                "settings": {},
            },
        ],
        "edges": [{"from": "load", "to": "total", "kind": "data", "names": ["data"]}],
        "diagnostics": [],
    }


def test_graph__json_of_a_notebook_that_installs__has_its_requirements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a cell installs is told with pip's options and with its place."""
    path = kit.write(
        tmp_path / "installs.ipynb",
        kit.code("x = 1\n%pip install -U --pre 'numpy>=1'", "step:a"),
    )

    assert main(["graph", str(path), "--json"]) == 0

    assert _json(capsys)["requirements"] == [
        {
            "text": "numpy>=1",
            "name": "numpy",
            "options": ["--pre"],
            "optional": False,
            "upgrade": True,
            "conda": False,
            "cell": 0,
            "line": 2,
            "step": "a",
        }
    ]


@pytest.mark.parametrize(
    ("form", "start"),
    [
        pytest.param("text", "churn: 2 steps, 2 parameters\n", id="text"),
        pytest.param("mermaid", "flowchart TD\n", id="mermaid"),
        pytest.param("dot", 'digraph "churn" {\n', id="dot"),
        pytest.param("json", '{"name": "churn"', id="json"),
    ],
)
def test_graph__format__is_drawn(
    form: str, start: str, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each format is printed on stdout."""
    assert main(["graph", str(notebook), "--format", form]) == 0

    assert capsys.readouterr().out.startswith(start)


def test_graph__notebook_with_errors__is_drawn_and_exits_3(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be drawn is drawn; the findings are on stderr."""
    assert main(["graph", str(wrong)]) == 3

    shown = capsys.readouterr()
    assert shown.out.startswith("wrong: 1 step")
    assert f"{wrong} cell 0, line 2: error[KP2" in shown.err
    assert "missing" in shown.err


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": 5}', b"\xff\xfe\x00"])
@pytest.mark.parametrize("command", ["graph", "check", "run"])
def test_command__unreadable_notebook__exits_3(
    command: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken file is named, without a traceback."""
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content)

    assert main([command, str(path)]) == 3

    shown = capsys.readouterr()
    assert f"{path}: error[KP100]: " in shown.out + shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("command", ["graph", "check", "run"])
def test_command__no_such_file__exits_3(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing notebook is named."""
    assert main([command, str(tmp_path / "none.ipynb")]) in {2, 3}

    shown = capsys.readouterr()
    assert "none.ipynb" in shown.out + shown.err


def test_check__good_notebooks__says_so(notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Silence would leave doubt."""
    assert main(["check", str(notebook), str(notebook)]) == 0

    assert capsys.readouterr() == ("no findings in 2 notebooks\n", "")


def test_check__one_good_notebook__says_so(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One notebook is not counted."""
    assert main(["check", str(notebook)]) == 0

    assert capsys.readouterr().out == "no findings\n"


def test_check__json__has_all_findings_of_all_notebooks(
    notebook: Path, wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreadable file does not hide the findings of the others."""
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{", encoding="utf-8")

    assert main(["check", str(broken), str(notebook), str(wrong), "--json"]) == 3

    found = _json(capsys)["diagnostics"]
    assert [(d["path"], d["severity"], d["cell"]) for d in found] == [
        (str(broken), "error", None),
        (str(wrong), "error", 0),
    ]
    assert set(found[1]) == {
        "code",
        "severity",
        "message",
        "path",
        "cell",
        "line",
        "column",
        "hint",
        "related",
    }


def test_check__github__writes_annotations(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each finding is one workflow command."""
    assert main(["check", str(wrong), "--format", "github"]) == 3

    assert capsys.readouterr().out.startswith(f"::error file={wrong},title=kernelpipe KP2")


def test_compile__file__is_written_and_named(
    notebook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says what it wrote; the notebook stays as it was."""
    before = notebook.read_bytes()
    target = tmp_path / "out.yaml"

    assert main(["compile", str(notebook), "-o", str(target)]) == 0

    assert capsys.readouterr().out.startswith(f"{target}: 2 steps, ")
    assert "pipelineInfo" in target.read_text(encoding="utf-8")
    assert notebook.read_bytes() == before


def test_compile__twice__gives_the_same_bytes(notebook: Path, tmp_path: Path) -> None:
    """Nothing but the notebook decides what is written."""
    targets = [tmp_path / "a.yaml", tmp_path / "b.yaml"]

    for target in targets:
        assert main(["compile", str(notebook), "-o", str(target)]) == 0

    assert targets[0].read_bytes() == targets[1].read_bytes()


def test_compile__json__describes_the_file(
    notebook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs learn path, size and steps."""
    target = tmp_path / "out.yaml"

    assert main(["compile", str(notebook), "-o", str(target), "--json"]) == 0

    document = _json(capsys)
    assert document["output"] == str(target)
    assert document["bytes"] == target.stat().st_size
    assert document["steps"] == ["load", "total"]
    assert isinstance(document["diagnostics"], list)


def test_compile__merge__says_which_steps_share_a_pod(
    notebook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To people and to programs; the notebook's metadata may ask for it, too."""
    words = ["compile", str(notebook), "-o", str(tmp_path / "out.yaml")]

    assert main([*words, "--merge"]) == 0
    said = capsys.readouterr().err
    assert main([*words, "--merge", "--json"]) == 0
    merged = _json(capsys)["merged"]
    content = kit.read(notebook)
    content["metadata"]["kernelpipe"] = {"merge": True}
    notebook.write_bytes(kit.encode(content))
    assert main([*words, "--json"]) == 0
    asked = _json(capsys)["merged"]
    assert main([*words, "--json", "--no-merge"]) == 0

    assert said.endswith("merged 2 steps into 1 task: load+total -> load-to-total\n")
    assert merged == asked == {"load-to-total": ["load", "total"]}
    assert _json(capsys)["merged"] == {}


def test_compile__dash__writes_to_stdout(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The YAML can be piped."""
    assert main(["compile", str(notebook), "-o", "-"]) == 0

    document = parse_yaml(capsys.readouterr().out.partition("\n---")[0])
    assert isinstance(document, dict)
    assert document["pipelineInfo"]["name"] == "churn"


def test_compile__notebook_with_errors__writes_nothing(
    wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All findings are printed, and an old file stays as it was."""
    target = tmp_path / "out.yaml"
    target.write_text("old", encoding="utf-8")

    assert main(["compile", str(wrong), "-o", str(target)]) == 3

    assert target.read_text(encoding="utf-8") == "old"
    assert capsys.readouterr().err.endswith("1 error\n")


def test_compile__onto_the_notebook__is_refused(
    notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The source notebook is never written to."""
    before = notebook.read_bytes()

    assert main(["compile", str(notebook), "-o", str(notebook)]) == 2

    assert "is the notebook itself" in capsys.readouterr().err
    assert notebook.read_bytes() == before


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("", "is a folder", id="folder"),
        pytest.param("none/out.yaml", "there is no folder", id="no folder"),
        pytest.param("file/out.yaml", "there is no folder", id="a file for a folder"),
        pytest.param("x" * 300, "cannot write", id="name too long"),
    ],
)
def test_compile__unwritable_target__exits_2(
    target: str,
    message: str,
    notebook: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A target that cannot be written is told in words."""
    (tmp_path / "file").write_text("", encoding="utf-8")

    assert main(["compile", str(notebook), "-o", str(tmp_path / target)]) == 2

    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["-p", "m", "1"], "'m' is not a parameter", id="unknown"),
        pytest.param(["-p", "double", "1"], "cell 0 computes it", id="derived"),
        pytest.param(["-p", "n", "many"], "takes int", id="type"),
        pytest.param(["-p", "n", "[1"], "parameter 'n': not valid YAML", id="broken"),
        pytest.param(["-f", "none.yaml"], "cannot read none.yaml", id="no file"),
        pytest.param(["--jobs", "0"], "at least 1", id="jobs"),
        pytest.param(["--stepz", "a"], "no option '--stepz'", id="option"),
    ],
)
def test_run__wrong_request__starts_nothing(
    words: list[str], message: str, notebook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong request is refused before there is a run."""
    assert main(["run", str(notebook), *words]) == 2

    assert message in capsys.readouterr().err
    assert not (notebook.parent / ".kernelpipe").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("p.yaml", b"n: [", "p.yaml: not valid YAML", id="broken YAML"),
        pytest.param("p.json", b"{", "p.json is not valid JSON", id="broken JSON"),
        pytest.param("p.yaml", b"- n", "does not map parameter names", id="list"),
        pytest.param("p.yaml", b"1: 2", "does not map parameter names", id="number as name"),
        pytest.param("p.yaml", b"n: \xff", "is not UTF-8 text", id="encoding"),
        pytest.param("p.yaml", b"m: 1", "'m' is not a parameter", id="unknown"),
        pytest.param("p.yaml", b"n: '1'", "takes int .*not '1'", id="type"),
    ],
)
def test_run__wrong_parameters_file__starts_nothing(  # a table
    name: str,
    content: bytes,
    message: str,
    notebook: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A parameters file is checked like everything else."""
    path = tmp_path / name
    path.write_bytes(content)

    assert main(["run", str(notebook), "-f", str(path)]) == 2

    assert re.search(message, capsys.readouterr().err)


def test_run__notebook_with_errors__exits_3_before_parameters(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with the notebook comes first."""
    assert main(["run", str(wrong), "-p", "x", "1", "--json"]) == 3

    shown = capsys.readouterr()
    assert "missing" in shown.err
    document = json.loads(shown.out)
    assert document["error"]["type"] == "CompileError"
    assert [d["cell"] for d in document["diagnostics"]] == [0]


def test_runs_list__no_home__says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No runs is not an error."""
    assert main(["runs", "--home", str(tmp_path / "home")]) == 0

    assert "there are no runs in" in capsys.readouterr().err


def test_runs_show__no_runs__exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show."""
    assert main(["runs", "show", "--home", str(tmp_path / "home")]) == 2

    assert "there are no runs in" in capsys.readouterr().err


def test_runs_list__with_a_run__points_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    """A surplus word gets the command that was probably meant."""
    assert main(["runs", "list", "x1"]) == 2

    assert "hint: kernelpipe runs show x1" in capsys.readouterr().err
