"""Tests of the functions that Python users call."""

import json
import math
from pathlib import Path

import kit
import pytest

import kernelpipe
from kernelpipe import api
from kernelpipe.api.operations import write_atomically
from kernelpipe.errors import CompileError, NotebookReadError, UsageError
from kernelpipe.model.diagnostic import Diagnostic, Severity


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """Return a notebook of two steps, with a setting that Kubeflow alone honours."""
    return kit.write(
        tmp_path / "churn.ipynb",
        kit.code("n = 3", "parameters"),
        kit.code("data = list(range(n))", "step:load", "gpu:2"),
        kit.code("total = sum(data)", "step:total"),
    )


def test_kernelpipe__functions__are_the_apis() -> None:
    """The package offers the commands as functions."""
    assert kernelpipe.check is api.check
    assert kernelpipe.graph is api.graph
    assert kernelpipe.compile is api.compile_notebook
    assert kernelpipe.run is api.run
    assert {"check", "compile", "graph", "run"} <= set(dir(kernelpipe))


def test_kernelpipe__unknown_attribute__is_an_attribute_error() -> None:
    """Lazy loading does not hide mistakes."""
    with pytest.raises(AttributeError, match="has no attribute 'comple'"):
        _ = kernelpipe.comple  # type: ignore[attr-defined]  # the mistake


def test_check__good_notebook__finds_nothing(notebook: Path) -> None:
    """Paths may be text, too."""
    assert api.check(str(notebook)) == ()


def test_check__unreadable_file__is_a_finding(tmp_path: Path) -> None:
    """A broken file can be checked along with others."""
    path = tmp_path / "broken.ipynb"
    path.write_text("{", encoding="utf-8")

    (found,) = api.check(path)

    assert (found.code, found.severity) == ("KP100", Severity.ERROR)
    assert found.location.path == str(path)
    assert "KP100" not in found.message


def test_graph__unreadable_file__raises(tmp_path: Path) -> None:
    """There is no pipeline to return."""
    path = tmp_path / "broken.ipynb"
    path.write_text("{", encoding="utf-8")

    with pytest.raises(NotebookReadError, match="KP100"):
        api.graph(path)


def test_compile_notebook__no_output__writes_nothing(notebook: Path) -> None:
    """The text is returned; the folder stays as it was."""
    text = api.compile_notebook(notebook)

    assert "pipelineInfo" in text
    assert list(notebook.parent.iterdir()) == [notebook]


def test_compile_notebook__pipeline__is_not_read_again(notebook: Path) -> None:
    """What graph returned can be compiled, the file may be gone."""
    pipeline = api.graph(notebook)
    expected = api.compile_notebook(notebook)
    notebook.rename(notebook.with_suffix(".moved"))

    assert api.compile_notebook(pipeline) == expected


def test_compile_notebook__errors__raise_all_findings(tmp_path: Path) -> None:
    """Every diagnostic is carried."""
    path = kit.write(tmp_path / "nb.ipynb", kit.code("a = missing\nb = absent", "step:a"))

    with pytest.raises(CompileError, match="missing") as caught:
        api.compile_notebook(path)

    assert len(caught.value.diagnostics) == 2


def test_compile_notebook__warnings__are_handed_on(tmp_path: Path) -> None:
    """What Kubeflow does not honour is told, not dropped."""
    path = kit.write(
        tmp_path / "nb.ipynb",
        kit.code("a = 1", "step:a"),
        metadata=kit.kale_0(katib_run=True),
    )
    found: list[Diagnostic] = []

    api.compile_notebook(path, on_diagnostic=found.append)

    assert {d.code[:3] for d in found} == {"KP4"}
    assert Severity.ERROR not in {d.severity for d in found}


def test_run__unknown_parameter__starts_nothing(notebook: Path) -> None:
    """The home is not even made."""
    with pytest.raises(UsageError, match="'m' is not a parameter"):
        api.run(notebook, {"m": 1})

    assert list(notebook.parent.iterdir()) == [notebook]


def test_run__jobs_zero__is_refused(notebook: Path) -> None:
    """At least one step runs at a time."""
    with pytest.raises(UsageError, match="at least 1"):
        api.run(notebook, jobs=0)


def test_run__local_warnings__are_handed_on(notebook: Path) -> None:
    """A setting that this machine does not honour is told before anything starts."""
    found: list[Diagnostic] = []

    with pytest.raises(UsageError, match="'m' is not a parameter"):
        api.run(notebook, {"m": 1}, on_diagnostic=found.append)

    assert [(d.code, d.location.cell_index) for d in found] == [("KP401", 1)]


def test_run__out_is_the_notebook__is_refused(notebook: Path) -> None:
    """The source notebook is never written to."""
    before = notebook.read_bytes()

    with pytest.raises(UsageError, match="notebook"):
        api.run(notebook, out=notebook)

    assert notebook.read_bytes() == before


def test_find_runs__no_home__is_beside_the_notebook(notebook: Path, tmp_path: Path) -> None:
    """Runs are kept where the notebook is, unless a home is named."""
    assert api.find_runs(notebook).home == tmp_path / ".kernelpipe"
    assert api.find_runs(notebook, home=tmp_path / "other").home == tmp_path / "other"


def test_write_atomically__existing_file__keeps_its_mode(tmp_path: Path) -> None:
    """A replaced file may be read by the same people as before, and no draft stays."""
    target = tmp_path / "out.yaml"
    target.write_bytes(b"old")
    target.chmod(0o640)

    write_atomically(target, b"new")

    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_write_atomically__link__writes_the_file_behind_it(tmp_path: Path) -> None:
    """A link stays a link."""
    real = tmp_path / "real.yaml"
    link = tmp_path / "link.yaml"
    link.symlink_to(real)

    write_atomically(link, b"new")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_write_atomically__device__is_written_straight() -> None:
    """A device cannot be replaced."""
    write_atomically(Path("/dev/null"), b"new")

    assert not Path("/dev/null").is_file()


def test_to_json__numbers_without_a_word__become_text() -> None:
    """The output is strict JSON, whatever a metric is."""
    text = api.to_json({"a": [math.nan, math.inf, -math.inf, 1.5], "ä": None})

    assert json.loads(text) == {"a": ["NaN", "Infinity", "-Infinity", 1.5], "ä": None}
    assert "ä" in text


def test_graph_document__settings__are_plain_json(tmp_path: Path) -> None:
    """Only what is set is shown, nested values as objects."""
    path = kit.write(
        tmp_path / "nb.ipynb", kit.code("a = 1", "step:a", "cpu:2", "env:K:a:b", "timeout:1m")
    )

    document = api.graph_document(api.graph(path))

    assert json.loads(api.to_json(document))["steps"][0]["settings"] == {
        "cpu": "2",
        "timeout_s": 60.0,
        "env": [{"key": "K", "value": "a:b"}],
    }
