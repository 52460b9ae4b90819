"""Tests of the commands that run notebooks, with real kernels."""

import json
from pathlib import Path

import kit
import pytest

from kernelpipe.cli import main

pytestmark = pytest.mark.integration


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a notebook with a parameter, a derived value and a metric."""
    return kit.write(
        tmp_path / "my work" / "größe.ipynb",
        kit.code("n = 3\nrate = 0.5\ndouble = n * 2", "parameters"),
        kit.code("data = list(range(double))", "step:load"),
        kit.code("total = sum(data) * rate", "step:total"),
        kit.code("print(total)", "metrics"),
    )


def test_run__parameters__come_from_file_and_command_line(
    notebook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """-p wins over -f; derived values are computed anew; the source stays as it was."""
    before = notebook.read_bytes()
    settings = tmp_path / "settings.yaml"
    settings.write_text("n: 1\nrate: 2\n", encoding="utf-8")
    out = tmp_path / "out.ipynb"
    words = ["run", str(notebook), "-f", str(settings), "-p", "n", "2", "--out", str(out)]

    assert main([*words, "--json"]) == 0

    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["state"] == "SUCCEEDED"
    assert document["parameters"] == {"n": 2, "rate": 2.0}
    assert document["metrics"] == {"total": 12.0}
    assert [(s["name"], s["state"], s["error"]) for s in document["steps"]] == [
        ("load", "SUCCEEDED", None),
        ("total", "SUCCEEDED", None),
    ]
    assert "load: SUCCEEDED" in shown.err
    assert len(kit.read(out)["cells"]) == 4
    assert notebook.read_bytes() == before


def test_run__step_fails__says_where_and_exits_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cell, line, error and executed notebook are named; ``runs`` tells the same later."""
    path = kit.write(
        tmp_path / "nb.ipynb",
        kit.code("a = 1", "step:a"),
        kit.code("b = a\nraise ValueError('bad', b)", "step:b"),
        kit.code("print(b)", "step:c"),
    )
    home = str(tmp_path / "home")

    assert main(["run", str(path), "--home", home]) == 5

    shown = capsys.readouterr()
    assert f"{path} cell 1, line 2: error[KP501]: step 'b' failed: ValueError:" in shown.err
    assert " FAILED in " in shown.out
    assert main(["runs", "--home", home, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert (listed["state"], listed["pipeline"]) == ("FAILED", "nb")
    assert main(["runs", "list", "--home", home]) == 0
    assert listed["run_id"] in capsys.readouterr().out
    assert main(["runs", "show", listed["run_id"][:12], "--home", home, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [s["state"] for s in document["steps"]] == ["SUCCEEDED", "FAILED", "SKIPPED"]
    assert document["steps"][1]["error"]["line"] == 2
    assert main(["runs", "show", "--home", home]) == 0
    assert "error[KP501]: step 'b' failed" in capsys.readouterr().out
