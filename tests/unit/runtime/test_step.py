"""begin, load and save, as the cells of a step notebook call them."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.runtime import step
from kernelpipe.runtime.container import ValueFileError
from kernelpipe.runtime.metrics import MissingMetricError
from kernelpipe.runtime.step import ItemError, begin, load, save
from kernelpipe.runtime.unstorable import UnstorableValueError
from kernelpipe.runtime.values import dump_group, read_values


class Notebook:
    """Calls the step's functions from one namespace, as a kernel does."""

    def __init__(self, directory: Path, **document: object) -> None:
        self.directory = directory
        outputs = {port: str(directory / port) for port in ("a", "state_random")}
        call = {
            "parameters": {},
            "inputs": {"first/x": str(directory / "x")},
            "outputs": outputs,
            "result": str(directory / "result.json"),
        }
        task = {"step": "train", "inputs": [], "outputs": [], "metrics": [], **document}
        (directory / "document.json").write_text(json.dumps(task))
        (directory / "call.json").write_text(json.dumps(call))
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.run("begin(place)", begin=begin, place=str(directory))

    def run(self, source: str, **names: object) -> None:
        """Execute a cell; ``names`` exist for it only."""
        self.namespace.update(names)
        exec(source, self.namespace)  # noqa: S102 - as a cell
        for name in names:
            del self.namespace[name]

    def result(self) -> dict[str, Any]:
        """Return result.json."""
        content: dict[str, Any] = json.loads((self.directory / "result.json").read_text())
        return content


def test_step__values_metrics_and_notes__are_written(tmp_path: Path) -> None:
    """The result tells what was stored and measured; the namespace holds the user's names only."""
    outputs = [{"port": "a", "names": ["a", "b"], "cells": {"a": 5}}]
    notebook = Notebook(tmp_path, outputs=outputs, metrics=["acc", "best", "loss"])
    load()
    notebook.run("a = b = [1]; acc = 0.5; best = 'knn'; loss = [2, 1]")

    save()

    values = read_values(tmp_path / "a")
    result = notebook.result()
    assert values["a"] is values["b"]
    assert result["metrics"] == {"acc": 0.5}
    assert result["series"] == {"loss": [2, 1]}
    assert result["notes"] == ["'best' is no metric: it is a str, not a number"]
    assert result["error"] is None
    assert result["outputs"]["a"]["format"] == "pickle"
    assert result["outputs"]["a"]["type"] == "builtins.list"
    assert set(notebook.namespace) == {"__name__", "__builtins__", "a", "b", "acc", "best", "loss"}


def test_step__inputs__override_setup_after_removal(tmp_path: Path) -> None:
    """Shared objects are those of setup, removed names go, inputs come last."""
    setup = "class C: pass\ntmp = 1\nx = 'setup'"
    first: dict[str, Any] = {"__name__": "__main__"}
    exec(setup + "\nx = C()", first)  # noqa: S102 - as a cell
    dump_group(["x"], first, tmp_path / "x", shared={"C": 2})
    inputs = [{"step": "first", "port": "x", "names": ["x"]}]
    notebook = Notebook(tmp_path, inputs=inputs, removed=["tmp", "never"], shared={"C": 2})
    notebook.run(setup)

    load()

    assert type(notebook.namespace["x"]) is notebook.namespace["C"]
    assert "tmp" not in notebook.namespace


def give(**call: object) -> None:
    """Change the call of a step that has begun."""
    step._current[0].call = {**step._current[0].call, **call}


def test_load__files_of_a_loop__become_lists_in_order(tmp_path: Path) -> None:
    """Objects that an item shared are shared; the item of the step's own loop is bound last."""
    for number in (0, 1):
        made: dict[str, Any] = {"x": [number], "__name__": "__main__"}
        made["y"] = made["x"]
        dump_group(["x", "y"], made, tmp_path / f"x{number}")
    inputs = [{"step": "first", "port": "x", "names": ["x", "y"]}]
    notebook = Notebook(tmp_path, inputs=inputs)
    files = [str(tmp_path / "x1"), str(tmp_path / "x0")]
    give(inputs={"first/x": files}, bind={"lr": 0.5})

    load()

    assert notebook.namespace["x"] == [[1], [0]]
    assert notebook.namespace["y"][0] is notebook.namespace["x"][0]
    assert notebook.namespace["lr"] == 0.5


def test_load__loop_over_no_items__gives_empty_lists(tmp_path: Path) -> None:
    """Hidden state stays as it is."""
    inputs = [{"step": "first", "port": "x", "names": ["@random", "x"]}]
    notebook = Notebook(tmp_path, inputs=inputs)
    give(inputs={"first/x": []})

    load()

    assert notebook.namespace["x"] == []


def test_load__item_gave_no_value__says_which(tmp_path: Path) -> None:
    """A list with a hole in it would be another list."""
    for number, values in enumerate(({"x": 1}, {})):
        dump_group(["x"], {"__name__": "__main__", **values}, tmp_path / f"x{number}")
    Notebook(tmp_path, inputs=[{"step": "first", "port": "x", "names": ["x"]}])
    give(inputs={"first/x": [str(tmp_path / "x0"), str(tmp_path / "x1")]})

    with pytest.raises(ItemError, match=r"^item 1 of step 'first' gave no 'x'$"):
        load()


CALLING = """\
class Calling:
    def __init__(self, f):
        self.f = f
"""


@pytest.mark.parametrize(
    ("code", "function"),
    [
        pytest.param("y = Calling(lambda: x)", "<lambda>", id="held"),
        pytest.param("y = Calling(lambda: [x for _ in 'a'])", "<lambda>", id="inner-code"),
        pytest.param("class K:\n    def get(self): return x\ny = K()", "K.get", id="method"),
        pytest.param("y = lambda x=x: x", None, id="default"),
        pytest.param("y = lambda a: a.x", None, id="attribute"),
        pytest.param("class K:\n    def __init__(self): self.x = x\ny = K()", None, id="init"),
    ],
)
def test_load__item_gave_a_function__may_not_read_what_is_a_list_here(
    tmp_path: Path, code: str, function: str | None
) -> None:
    """The function would compute with the list of all items in place of its own."""
    for number in (0, 1):
        made: dict[str, Any] = {"__name__": "__main__", "x": number}
        exec(CALLING + code, made)  # noqa: S102 - what a cell does
        for name in ("x", "y"):
            dump_group([name], made, tmp_path / f"{name}{number}")
    ports = [{"step": "first", "port": name, "names": [name]} for name in ("y", "x")]
    notebook = Notebook(tmp_path, inputs=ports)
    give(inputs={f"first/{n}": [str(tmp_path / f"{n}{i}") for i in (0, 1)] for n in ("x", "y")})

    if function is None:
        load()
        assert notebook.namespace["x"] == [0, 1]
    else:
        said = f"item 0 of step 'first' gave the function '{function}', which reads 'x' when"
        with pytest.raises(ItemError, match=said):
            load()


def test_load__hidden_state_of_a_loop__is_the_last_items(tmp_path: Path) -> None:
    """There is one generator, which has one state."""
    for number in (0, 1):
        random.seed(number)
        dump_group(["@random"], {"__name__": "__main__"}, tmp_path / f"x{number}")
    expected = random.Random(1).random()  # noqa: S311 - no secret
    Notebook(tmp_path, inputs=[{"step": "first", "port": "x", "names": ["@random"]}])
    give(inputs={"first/x": [str(tmp_path / "x0"), str(tmp_path / "x1")]})

    load()

    assert random.random() == expected  # noqa: S311 - no secret


def test_step__hidden_state__is_stored_under_its_port(tmp_path: Path) -> None:
    """Names that begin with @ are no names of the namespace."""
    notebook = Notebook(
        tmp_path, outputs=[{"port": "state_random", "names": ["@random"], "cells": {}}]
    )
    load()

    save()

    assert list(read_values(tmp_path / "state_random")) == ["@random"]
    assert notebook.result()["outputs"]["state_random"]["types"] == {"@random": "builtins.tuple"}


def test_step__runtime_directory__is_taken_off_the_path(tmp_path: Path) -> None:
    """User code sees sys.path as Jupyter would have it."""
    before = list(sys.path)
    sys.path.insert(0, "/runtime")
    (tmp_path / "document.json").write_text('{"step": "s"}')
    (tmp_path / "call.json").write_text("{}")

    begin(str(tmp_path), "/runtime")

    assert sys.path == before


def test_save__value_that_cannot_be_stored__fails_the_step_with_its_cell(tmp_path: Path) -> None:
    """The error is in result.json, too; no output file appears."""
    outputs = [{"port": "a", "names": ["a", "b"], "cells": {"a": 5, "b": 7}}]
    notebook = Notebook(tmp_path, outputs=outputs)
    load()
    notebook.run("a = 1; b = (i for i in [])")

    with pytest.raises(UnstorableValueError, match="step 'train', cell 7: 'b' cannot be stored"):
        save()

    error = notebook.result()["error"]
    assert (error["cell"], error["ename"]) == (7, "UnstorableValueError")
    assert error["evalue"].endswith("it is a generator\n  hint: make it a list")
    assert not (tmp_path / "a").exists()


def test_save__missing_metric__fails_the_step(tmp_path: Path) -> None:
    """The error is in result.json, without a cell."""
    notebook = Notebook(tmp_path, metrics=["acc"])
    load()

    with pytest.raises(MissingMetricError, match="metric 'acc' does not exist"):
        save()

    assert notebook.result()["error"]["cell"] is None
    assert notebook.result()["error"]["ename"] == "MissingMetricError"


def test_load__damaged_input__fails_the_step(tmp_path: Path) -> None:
    """Nothing is unpickled from it."""
    (tmp_path / "x").write_bytes(b"garbage")
    inputs = [{"step": "first", "port": "x", "names": ["x"]}]
    notebook = Notebook(tmp_path, inputs=inputs)

    with pytest.raises(ValueFileError, match="is not a kernelpipe value file"):
        load()

    assert notebook.result()["error"]["ename"] == "ValueFileError"


def test_save__output_that_cannot_be_written__fails_the_step(tmp_path: Path) -> None:
    """An error of the file system is recorded like any."""
    (tmp_path / "a").mkdir()
    notebook = Notebook(tmp_path, outputs=[{"port": "a", "names": ["a"]}])
    load()
    notebook.run("a = 1")

    with pytest.raises(OSError, match="directory"):
        save()

    assert notebook.result()["error"]["ename"] == "IsADirectoryError"


def test_save__class_of_the_step__makes_the_same_file_every_time(tmp_path: Path) -> None:
    """A step that runs again writes equal bytes, so that what follows need not run again."""
    contents = []
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        notebook = Notebook(
            directory, step=f"make_{tmp_path.name}", outputs=[{"port": "a", "names": ["a"]}]
        )
        load()
        notebook.run("class C:\n  def f(self): return 1\na = C()")
        save()
        contents.append((directory / "a").read_bytes())
        tracker = pytest.importorskip("cloudpickle").cloudpickle
        tracker._DYNAMIC_CLASS_TRACKER_BY_ID.clear()  # as a new process

    assert contents[0] == contents[1]
