"""Tests of conditions: their keys, their text, and what is said of their differences."""

from contextlib import suppress
from dataclasses import replace

import pytest
from fingerprint_cases import (
    CHANGED,
    SAME,
    Edit,
    append,
    conditions_of,
    fingerprints,
    notebook_cells,
    replace_text,
)
from hypothesis import given as hypothesis_given
from hypothesis import settings, strategies

from kernelpipe.compiler import (
    Conditions,
    conditions_text,
    differences,
    read_conditions,
    result_key,
)
from kernelpipe.compiler.conditions import FORMAT
from kernelpipe.compiler.lowering import DOCUMENT_VERSION
from kernelpipe.errors import CompileError
from kernelpipe.runtime import container


@pytest.mark.parametrize(("step", "edit", "first"), CHANGED)
def test_differences__edit_that_may_change_the_result__is_told(
    step: str, edit: Edit, first: str
) -> None:
    """A new key always comes with a reason, in the user's words."""
    cells = edit(notebook_cells())
    renamed = "start" if step == "load" and "start" in str(cells["load"]) else step
    old, new = conditions_of(notebook_cells(), step), conditions_of(cells, renamed)

    assert differences(old, new)[0] == first
    assert result_key(old) != result_key(new)


def test_differences__parameter_given__tells_both_values() -> None:
    """As in "parameter lr 0.1 -> 0.2"."""
    old, new = (
        conditions_of(notebook_cells(), "load"),
        conditions_of(notebook_cells(), "load", {"lr": 0.2}),
    )

    assert differences(old, new) == ("parameter lr 0.1 -> 0.2",)


def test_differences__long_value__is_shortened() -> None:
    """Parameters can be whole lists."""
    new = conditions_of(notebook_cells(), "fit", {"name": "x" * 100})

    assert differences(conditions_of(notebook_cells(), "fit"), new) == (
        f"parameter name 'a' -> '{'x' * 36}...",
    )


def _with(conditions: Conditions, **changes: object) -> Conditions:
    return replace(conditions, **changes)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(
            {"packages": (("pandas", "2.2"),)},
            {"packages": (("pandas", "3.0"),)},
            "pandas 2.2 -> 3.0",
            id="package",
        ),
        pytest.param(
            {}, {"packages": (("pandas", "3.0"),)}, "it uses pandas 3.0 now", id="package-new"
        ),
        pytest.param(
            {"packages": (("pandas", "3.0"),)},
            {},
            "it no longer uses pandas 3.0",
            id="package-gone",
        ),
        pytest.param(
            {"python": "CPython 3.11.7 linux-x86_64"},
            {"python": "CPython 3.12.1 linux-x86_64"},
            "Python 3.11.7 -> 3.12.1",
            id="python",
        ),
        pytest.param(
            {"python": "CPython 3.11.7 linux-x86_64"},
            {"python": "PyPy 3.11.7 linux-x86_64"},
            "Python CPython 3.11.7 linux-x86_64 -> PyPy 3.11.7 linux-x86_64",
            id="implementation",
        ),
        pytest.param(
            {"python": "CPython 3.11.7 linux-x86_64"},
            {"python": "CPython 3.11.7 linux-aarch64"},
            "Python CPython 3.11.7 linux-x86_64 -> CPython 3.11.7 linux-aarch64",
            id="platform",
        ),
        pytest.param(
            {"inputs": (("load/df", "aa"),)},
            {"inputs": (("load/df", "bb"),)},
            "input 'df' from step 'load' changed",
            id="input",
        ),
        pytest.param(
            {},
            {"inputs": (("load/df", "aa"),)},
            "it takes 'df' from step 'load' now",
            id="input-new",
        ),
        pytest.param(
            {"inputs": (("load/df", "aa"),)},
            {},
            "it no longer takes 'df' from step 'load'",
            id="input-gone",
        ),
    ],
)
def test_differences__surroundings__are_told(
    old: dict[str, object], new: dict[str, object], told: str
) -> None:
    """What is not in the notebook is told as well."""
    base = conditions_of(notebook_cells(), "clean")
    before, after = _with(base, **old), _with(base, **new)

    assert differences(before, after) == (told,)
    assert result_key(before) != result_key(after)


def _changed_facts(**changes: object) -> Conditions:
    base = conditions_of(notebook_cells(), "clean")
    return _with(base, fingerprint=replace(base.fingerprint, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"step": "tidy"}, "step 'clean' is called 'tidy' now", id="step"),
        pytest.param({"parameters": ()}, "it no longer reads parameter depth", id="parameter-gone"),
        pytest.param(
            {"parameters": (("depth", "3"), ("k", "1"))},
            "it reads parameter k now",
            id="parameter-new",
        ),
        pytest.param({"settings": (("image", "b"),)}, "setting image was set", id="setting"),
        pytest.param(
            {"inputs": (("load/raw", ("raw", "x")),)}, "it takes 'x' now", id="takes-more"
        ),
        pytest.param({"inputs": ()}, "it no longer takes 'raw'", id="takes-less"),
        pytest.param(
            {"inputs": (("other/raw", ("raw",)),)},
            "it takes its inputs from other steps now",
            id="takes-from-another",
        ),
        pytest.param({"outputs": (("a", ("a",)),)}, "it hands on 'a' now", id="hands-on"),
        pytest.param({"metrics": ()}, "its metrics are none now", id="no-metrics"),
        pytest.param(
            {"removed": ("a",)}, "setup's 'a' is deleted elsewhere now", id="deleted-elsewhere"
        ),
        pytest.param(
            {"shared": ("LIMIT",)},
            "other steps now change setup's 'SEED', 'clean', 'depth', 'inner', or no longer do",
            id="changed-elsewhere",
        ),
    ],
)
def test_differences__other_facts__are_told(changes: dict[str, object], told: str) -> None:
    """Each part of a key has its words."""
    before, after = conditions_of(notebook_cells(), "clean"), _changed_facts(**changes)

    assert differences(before, after)[0] == told
    assert result_key(before) != result_key(after)


def test_differences__files_of_the_outputs__are_told() -> None:
    """The same names in other groups give other files."""
    before = _changed_facts(outputs=(("a", ("a", "b")),))
    after = _changed_facts(outputs=(("a", ("a",)), ("b", ("b",))))

    assert differences(before, after) == ("what it hands on is stored in other files",)


def test_differences__setting_changed_and_taken_away__is_told() -> None:
    """Values of settings are not shown: they may be long, or private."""
    first = _changed_facts(settings=(("env:K", "1"), ("image", "a")))
    second = _changed_facts(settings=(("env:K", "2"),))

    assert differences(first, second) == (
        "setting env:K changed",
        "setting image was taken away",
    )


def test_differences__statements_of_setup_in_another_order__are_told() -> None:
    """Two effects may depend on each other."""
    longer = append("effects", "random.random();\nrandom.seed(1);")
    turned = append("effects", "random.seed(1);\nrandom.random();")

    told = differences(
        conditions_of(longer(notebook_cells()), "clean"),
        conditions_of(turned(notebook_cells()), "clean"),
    )

    assert told == ("the setup it uses is in another order (cells 1, 3, 4)",)


def test_differences__value_shown_by_setup__is_told() -> None:
    """A semicolon keeps a value from being shown."""
    shown = append("effects", "SEED")
    quiet = append("effects", "SEED;")

    told = differences(
        conditions_of(shown(notebook_cells()), "load"),
        conditions_of(quiet(notebook_cells()), "load"),
    )

    assert told == ("cell 4 changed at line 4",)


def test_differences__unit_no_longer_used__is_told() -> None:
    """It was part of the old key."""
    edit = replace_text("helpers", "math.floor(v) + LIMIT", "math.floor(v)")
    old, new = (
        conditions_of(notebook_cells(), "clean"),
        conditions_of(edit(notebook_cells()), "clean"),
    )

    assert differences(old, new) == (
        "function 'inner' (cell 3) changed",
        "it no longer uses 'LIMIT'",
    )


def test_read_conditions__text_of_ours__is_what_was_written() -> None:
    """Explanations need every part."""
    conditions = _with(
        conditions_of(notebook_cells(), "clean"),
        inputs=(("load/raw", "aa"),),
        packages=(("pandas", "3.0"),),
    )

    assert read_conditions(conditions_text(conditions)) == conditions


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"format": 1}',
        f'{{"format": {FORMAT}}}',
        f'{{"format": {FORMAT}, "fingerprint": []}}',
        f'{{"format": {FORMAT}, "fingerprint": {{"step": "a", "code": [{{"x": 1}}]}}}}',
    ],
)
def test_read_conditions__text_of_another_version__is_told_as_such(text: str) -> None:
    """Old stores stay readable, and damage is no reason to fail."""
    new = conditions_of(notebook_cells(), "clean")

    assert differences(read_conditions(text), new) == ("stored by another version of kernelpipe",)
    assert result_key(read_conditions(text)) != result_key(new)


def test_format__versions_of_documents_and_values__are_in_it() -> None:
    """Who changes one of them must change this number, or old results would be used."""
    assert FORMAT % 10000 == DOCUMENT_VERSION * 100 + container.VERSION


_EDITS = strategies.lists(
    strategies.sampled_from([case.values for case in [*SAME, *CHANGED] if len(case.values) > 1]),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@hypothesis_given(chosen=_EDITS)
def test_differences__any_edits__are_empty_exactly_if_the_keys_are_equal(
    chosen: list[tuple[object, ...]],
) -> None:
    """A step that runs again always has a reason, and one that is found has none."""
    cells = notebook_cells()
    for _, edit, *_ in chosen:
        with suppress(AssertionError, KeyError):  # an earlier edit took away its place
            cells = edit(cells)  # type: ignore[operator]  # the table's functions
    try:
        after = fingerprints(cells)
    except CompileError:
        return
    for step, before in fingerprints(notebook_cells()).items():
        if step in after:
            old, new = Conditions(fingerprint=before), Conditions(fingerprint=after[step])
            assert (differences(old, new) == ()) == (result_key(old) == result_key(new))
