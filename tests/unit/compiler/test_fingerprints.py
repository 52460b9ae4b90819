"""Tests of what determines a step's result."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import kit
import pytest
from fingerprint_cases import (
    SAME,
    Cells,
    Edit,
    all_of,
    append,
    conditions_of,
    fingerprints,
    key_of,
    notebook_cells,
    nothing,
    prepend,
    replace_text,
    tag,
)
from hypothesis import given as hypothesis_given
from hypothesis import settings, strategies

from kernelpipe.analysis import build_pipeline
from kernelpipe.compiler import (
    Conditions,
    differences,
    fingerprint,
    lower,
    modules_reached,
    result_key,
)
from kernelpipe.compiler.setup_slice import setup_of
from kernelpipe.model.names import StepName
from kernelpipe.model.settings import Foreach, StepSettings
from kernelpipe.notebook import parse_notebook


@pytest.mark.parametrize(("step", "edit"), SAME)
def test_result_key__edit_that_means_nothing_to_the_step__stays(step: str, edit: Edit) -> None:
    """Whatever cannot change a step's result does not make it run again."""
    old, new = conditions_of(notebook_cells(), step), conditions_of(edit(notebook_cells()), step)

    assert differences(old, new) == ()
    assert result_key(old) == result_key(new)


@pytest.mark.parametrize(
    ("given", "edit"),
    [
        pytest.param({"lr": 0.1}, nothing, id="default"),
        pytest.param({"unread": 5}, nothing, id="parameter-not-read"),
        pytest.param(
            {"lr": 0.2}, replace_text("parameters", "lr = 0.1", "lr = 0.2"), id="new-default"
        ),
        pytest.param(
            {"lr": 2}, replace_text("parameters", "lr = 0.1", "lr = 2.0"), id="int-for-float"
        ),
    ],
)
def test_result_key__parameter_given__counts_by_its_value(
    given: Mapping[str, object], edit: Edit
) -> None:
    """It makes no difference whether a value is the default or given."""
    assert key_of(notebook_cells(), "load", given) == key_of(edit(notebook_cells()), "load")


def test_result_key__tuple_given_as_list__is_the_tuple() -> None:
    """The runtime makes a tuple of it, as the default is one."""
    edited = replace_text("parameters", "(1, 2)", "(1, 3)")(notebook_cells())

    assert key_of(notebook_cells(), "fit", {"shape": [1, 3]}) == key_of(edited, "fit")


def test_result_key__tuple_inside_a_default__is_not_a_list() -> None:
    """JSON does not tell them apart, but the code that runs does."""
    inner = replace_text("parameters", "(1, 2)", "[(1, 2)]")
    other = replace_text("parameters", "(1, 2)", "[[1, 2]]")

    told = differences(
        conditions_of(inner(notebook_cells()), "fit"), conditions_of(other(notebook_cells()), "fit")
    )

    assert told == ("parameter shape [(1, 2)] -> [[1, 2]]",)


def test_result_key__default_that_code_in_the_cell_saw__counts() -> None:
    """The cell runs with its default before the given value is put in its place."""
    noisy = append("parameters", "\nprint(lr)")
    other = all_of(noisy, replace_text("parameters", "lr = 0.1", "lr = 0.3"))

    old = conditions_of(noisy(notebook_cells()), "load", {"lr": 0.2})
    new = conditions_of(other(notebook_cells()), "load", {"lr": 0.2})

    assert differences(old, new) == ("parameter lr (default) 0.1 -> 0.3",)


def test_result_key__parameter_bound_twice__counts_with_all_that_it_was() -> None:
    """What is derived between the two has the first value."""
    twice = replace_text("parameters", "total = lr * 2", "total = lr * 2\nlr = 0.5")
    other = all_of(twice, replace_text("parameters", "lr = 0.1", "lr = 0.3"))

    assert key_of(twice(notebook_cells()), "load") != key_of(other(notebook_cells()), "load")


def test_result_key__parameter_that_is_unpacked__counts() -> None:
    """Its default is a part of a statement then."""
    unpacked = replace_text("parameters", "depth = 3", "depth, wide = 3, 4")
    other = replace_text("parameters", "depth = 3", "depth, wide = 5, 4")

    old, new = (
        conditions_of(unpacked(notebook_cells()), "clean"),
        conditions_of(other(notebook_cells()), "clean"),
    )

    assert "parameter depth 3 -> 5" in differences(old, new)


def test_fingerprint__path_of_the_notebook__does_not_count() -> None:
    """A renamed or moved notebook finds its results again."""
    assert fingerprints(notebook_cells()) == fingerprints(
        notebook_cells(), path="elsewhere/other.ipynb"
    )


def test_fingerprint__pipeline_of_100_steps__is_quick() -> None:
    """The setup is looked at once, not once for each step."""
    steps = {f"s{i}": kit.code(f"x{i} = clean([{i}])", f"step:s{i}") for i in range(100)}
    cells = {
        name: each for name, each in notebook_cells().items() if name in {"imports", "helpers"}
    }
    content = kit.encode(kit.notebook(*(cells | steps).values()))
    tasks = lower(build_pipeline(parse_notebook(content, path="nb.ipynb")))
    setup_of.cache_clear()

    for task in tasks:
        fingerprint(task, {})

    assert setup_of.cache_info().misses == 1


def test_modules__of_code_that_counts__are_dotted_names() -> None:
    """What is imported from a package may be a module of its own; unused setup is left out."""
    cells = all_of(
        append("imports", "\nimport os.path\nfrom xml import etree\n"),
        append("clean", "\ndef f():\n    from email.mime import text\nprint(os, etree)"),
        append("helpers", "\ndef lazy():\n    import socket\n"),
    )(notebook_cells())

    assert fingerprints(cells)[StepName("clean")].modules == (
        "email.mime",
        "email.mime.text",
        "functools",
        "math",
        "os.path",
        "random",
        "unread_plugin",
        "xml",
        "xml.etree",
    )


def test_modules_reached__step_that_takes_inputs__has_its_producers_modules() -> None:
    """Who computes with an object runs the code of the object's module."""
    cells = prepend("load", "import decimal\n")(notebook_cells())

    reached = modules_reached(fingerprints(cells).values())

    assert reached[StepName("clean")] == (
        "decimal",
        "functools",
        "math",
        "random",
        "unread_plugin",
    )
    assert reached[StepName("load")] == ("decimal", "functools", "random", "unread_plugin")


def test_settings__of_all_kinds__are_listed() -> None:
    """What may change results, and nothing else."""
    given = ("image:x:1", "env:K:v:w", "secret:s:k:TOKEN", "config-map:c:k:MODE", "gpu:1")
    cells = tag("load", *given, "retry:2")(notebook_cells())

    assert fingerprints(cells)[StepName("load")].settings == (
        ("config-map:MODE", "c:k"),
        ("env:K", "v:w"),
        ("image", "x:1"),
        ("secret:TOKEN", "s:k"),
    )


def test_settings__foreach__counts() -> None:
    """The items come from the list that it names."""
    (task,) = lower(
        build_pipeline(
            parse_notebook(kit.encode(kit.notebook(kit.code("x = 1", "step:a"))), path="nb.ipynb")
        )
    )
    looped = replace(task, settings=StepSettings(foreach=Foreach(name="x", items="xs")))

    assert fingerprint(looped, {}).settings == (("foreach", "x in xs"),)


_NOISE = strategies.sampled_from(["", "\n", "# note\n", "   \n", "\n# a: b = c\n\n"])


@settings(max_examples=60, deadline=None)
@hypothesis_given(data=strategies.data())
def test_result_key__comments_blank_lines_and_markdown__never_count(
    data: strategies.DataObject,
) -> None:
    """Between any two top-level statements, and between any two cells."""
    noisy: Cells = {}
    for name, cell in notebook_cells().items():
        for number in range(data.draw(strategies.integers(0, 1))):
            noisy[f"{name}-{number}"] = kit.markdown("text") | {"id": f"{name}-{number}"}
        lines = cell["source"].split("\n")
        source = "\n".join(
            (data.draw(_NOISE) if line and not line.startswith(" ") else "") + line
            for line in lines
        )
        noisy[name] = cell | {"source": source + "\n" + data.draw(_NOISE)}

    old, new = fingerprints(notebook_cells()), fingerprints(noisy)

    for step, before in old.items():
        assert result_key(Conditions(fingerprint=before)) == result_key(
            Conditions(fingerprint=new[step])
        )


_STORE = """
import sys
from kernelpipe.runtime import container
from kernelpipe.runtime.links import Links
from kernelpipe.runtime.values import dump_group

namespace = {"__name__": "__main__"}
exec(sys.argv[1] + "\\nx = {'f': clean, 'm': Model()}", namespace)
links = Links(namespace, step="load")
links.register({"clean": 1, "Model": 1})
dump_group(["x"], namespace, sys.argv[2], links=links)
print(container.header_digest(sys.argv[2]))
"""


def _content(setup: str, path: Path) -> str:
    """Return the digest of the file in which a step with ``setup`` stores its ``x``."""
    command = [sys.executable, "-c", _STORE, setup, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(("return v", "return -v"), id="function"),
        pytest.param(("y = 1", "y = 2"), id="class"),
    ],
)
def test_value_file__helper_of_setup_in_it_changed__has_another_content(
    tmp_path: Path, edit: tuple[str, str]
) -> None:
    """So a step that gets a helper with an input and never names it has another key, too."""
    setup = "def clean(v): return v\nclass Model:\n    y = 1\n"

    before = _content(setup, tmp_path / "a")

    assert before == _content(setup, tmp_path / "b")
    assert before != _content(setup.replace(*edit), tmp_path / "c")
