"""Steps for notebooks that have none."""

import json
from pathlib import Path
from typing import Any

import kit
import pytest

import kernelpipe
from kernelpipe.api import ProposedNotebook, proposal_document, propose_for
from kernelpipe.errors import NotebookReadError, UsageError

CELLS = (
    kit.markdown("# Churn"),
    kit.code("import pandas as pd\npd.set_option('display.width', 80)"),
    kit.code("rate = 0.5\ncolumns = ['a', 'b']"),
    kit.code("def double(x):\n    return x * 2"),
    kit.markdown("## 1. Load the data"),
    kit.code("df = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})", "hide-input"),
    kit.code("df.head()"),
    kit.markdown("## 2. Clean"),
    kit.code("clean = df[columns].dropna()"),
    kit.code("clean.shape"),
    kit.markdown("## 3. Score"),
    kit.code("score = double(rate) * len(clean)"),
    kit.code("print(score)"),
)


def propose(*cells: kit.JSON, steps: int | None = None) -> ProposedNotebook:
    """Return the proposal for a notebook of these cells."""
    return propose_for(kit.encode(kit.notebook(*cells)), path="n.ipynb", steps=steps)


def cut(found: ProposedNotebook) -> str:
    """Return the proposed steps as text: ``load: 1 2; train: 4``."""
    return "; ".join(
        f"{step.name}: {' '.join(map(str, step.cells))}" for step in found.proposal.steps
    )


def added(found: ProposedNotebook) -> dict[int, tuple[str, ...]]:
    """Return the new tags: cell index -> tags."""
    return {each.index: each.added for each in found.cells}


def test_propose__headings__each_section_is_a_step_and_setup_is_told_apart() -> None:
    """Imports, constants and functions at the top become setup, sections become steps."""
    found = propose(*CELLS)

    assert cut(found) == "load_data: 5 6; clean: 8 9; score: 11 12"
    assert added(found) == {
        1: ("imports",),
        2: ("parameters",),
        3: ("functions",),
        5: ("step:load_data",),
        8: ("step:clean",),
        11: ("step:score",),
    }
    assert [step.heading for step in found.proposal.steps] == [
        "1. Load the data",
        "2. Clean",
        "3. Score",
    ]
    assert found.notes() == ()


def test_propose__foreign_tags__stay_where_they_are() -> None:
    """Ours come behind those that are there."""
    found = propose(*CELLS)

    assert found.cells[3].tags == ("hide-input", "step:load_data")
    assert found.content["cells"][5]["metadata"]["tags"] == ["hide-input", "step:load_data"]


def test_propose__tagged_notebook__differs_in_tags_alone() -> None:
    """No source, no output and no other metadata changes, and the pipeline has the steps."""
    source = kit.notebook(*CELLS)

    found = propose(*CELLS)

    for before, after in zip(source["cells"], found.content["cells"], strict=True):
        assert {**before, "metadata": None} == {**after, "metadata": None}
        kept = {key: value for key, value in after["metadata"].items() if key != "tags"}
        assert kept == {k: v for k, v in before["metadata"].items() if k != "tags"}
    assert {**source, "cells": None} == {**found.content, "cells": None}
    assert [step.name for step in found.pipeline.steps] == ["load_data", "clean", "score"]
    assert found.pipeline.errors() == ()


def test_propose__no_headings__cuts_where_least_crosses() -> None:
    """A number may cross; the frame from which it comes stays in one step."""
    found = propose(
        kit.code("import pandas as pd"),
        kit.code("df = pd.DataFrame({'a': range(9)})"),
        kit.code("df['b'] = df['a'] * 2"),
        kit.code("df['c'] = df['b'] + df['a']"),
        kit.code("total = float(df['c'].sum())"),
        kit.code("half = total / 2"),
        kit.code("third = total / 3"),
        kit.code("print(half, third)"),
    )

    assert cut(found) == "total: 1 2 3 4; report: 5 6 7"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, "load_data: 5 6 8 9 11 12"),
        (2, "load_data: 5 6; clean: 8 9 11 12"),
        (3, "load_data: 5 6; clean: 8 9; score: 11 12"),
        (6, "load_data: 5; describe: 6; clean: 8; step: 9; score: 11; report: 12"),
        (50, "load_data: 5; describe: 6; clean: 8; step: 9; score: 11; report: 12"),
    ],
)
def test_propose__number_of_steps__is_kept(steps: int, expected: str) -> None:
    """As many as are asked for, or one for each cell."""
    assert cut(propose(*CELLS, steps=steps)) == expected


def test_propose__value_that_cannot_be_stored__its_steps_are_merged_and_it_says_why() -> None:
    """A generator cannot be handed on, so its maker and its user are one step."""
    found = propose(
        kit.markdown("## Read"),
        kit.code("rows = (i * i for i in range(4))"),
        kit.markdown("## Sum"),
        kit.code("total = sum(rows)"),
        kit.markdown("## Show"),
        kit.code("print(total)"),
        steps=3,
    )

    assert cut(found) == "read: 1 3; show: 5"
    assert len(found.notes()) == 1
    assert found.notes()[0].startswith("'sum' goes with 'read': ")
    assert "rows" in found.notes()[0]
    assert found.pipeline.errors() == ()


def test_propose__nothing_but_one_step_is_right__one_step() -> None:
    """At worst the whole notebook is one step."""
    found = propose(
        kit.code("rows = (i for i in range(9))"),
        kit.code("a = next(rows)"),
        kit.code("b = next(rows)"),
        kit.code("print(a, b, next(rows))"),
        steps=4,
    )

    assert len(found.proposal.steps) == 1
    assert len(found.notes()) == 3
    assert found.pipeline.errors() == ()


def test_propose__function_that_one_step_uses__stays_in_the_step() -> None:
    """It is setup only where several steps need it."""
    found = propose(
        kit.markdown("## First"),
        kit.code("x = open('/dev/null').read()"),
        kit.code("def one():\n    return 1"),
        kit.code("y = one() + x"),
        kit.code("def both(v):\n    return v * 2"),
        kit.code("z = both(y)"),
        kit.markdown("## Second"),
        kit.code("w = both(z)"),
        kit.code("print(w)"),
        steps=2,
    )

    assert added(found) == {
        1: ("step:first",),
        4: ("functions",),
        5: ("step:first",),
        7: ("step:second",),
    }


def test_propose__function_that_needs_a_steps_value_when_it_is_defined__is_no_setup() -> None:
    """A default argument is computed where the function is defined."""
    found = propose(
        kit.code("import math"),
        kit.code("x = math.sqrt(16)"),
        kit.code("def f(v=x):\n    return v"),
        kit.code("y = f()"),
        kit.code("z = f() + y"),
        kit.code("print(z)"),
        steps=3,
    )

    assert found.proposal.roles.keys() == {0}
    assert found.pipeline.errors() == ()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("results = []", id="empty-list"),
        pytest.param("count = 0", id="bound-anew-below"),
        pytest.param("x = open", id="builtin"),
        pytest.param("import math\nx = math.sqrt(2)", id="call"),
    ],
)
def test_propose__what_is_no_constant__is_no_parameter(source: str) -> None:
    """What is filled, bound anew or computed below is not for a user to set."""
    found = propose(
        kit.code(source), kit.code("count = 1\nx = 3\nresults = [1]"), kit.code("print(count)")
    )

    assert "parameters" not in {role.value for role in found.proposal.roles.values()}


def test_propose__tags_of_ours_without_steps__are_kept() -> None:
    """Parameters, tests and skipped cells stay what they are."""
    found = propose(
        kit.code("n = 3", "parameters"),
        kit.code("broken(", "skip"),
        kit.code("x = list(range(n))"),
        kit.code("assert x", "test"),
        kit.code("total = sum(x)", "metrics"),
        kit.markdown("## Report"),
        kit.code("print(total)"),
        kit.code("print(x)"),
        steps=2,
    )

    assert cut(found) == "total: 2 3 4; report: 6 7"
    assert added(found) == {2: ("step:total",), 6: ("step:report",)}
    assert found.pipeline.errors() == ()


def test_propose__only_definitions__the_last_is_a_step() -> None:
    """There is no pipeline without a step."""
    found = propose(kit.code("import math"), kit.code("def f():\n    return 1"))

    assert added(found) == {0: ("imports",), 1: ("step:step",)}


def test_propose__error_in_a_cell__is_told_and_the_rest_is_cut() -> None:
    """What is wrong however the notebook is cut does not keep it from being cut."""
    found = propose(
        kit.markdown("## First"),
        kit.code("x = ("),
        kit.code("y = 1"),
        kit.markdown("## Second"),
        kit.code("print(y)"),
        kit.code("print(y, y)"),
    )

    assert cut(found) == "first: 1 2; second: 4 5"
    assert [each.code for each in found.pipeline.errors()] == ["KP201"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        pytest.param((kit.code("x = 1", "step:a"),), "has steps already: cell 0", id="steps"),
        pytest.param((kit.code("x = 1", "block:a"),), "has the tag 'block:a'", id="kale"),
        pytest.param((kit.markdown("# A"),), "no code that could be a step", id="text"),
        pytest.param((kit.code("x = 1", "skip"),), "no code that could be a step", id="skipped"),
        pytest.param((), "no code that could be a step", id="empty"),
        pytest.param((kit.code("x = 1", tags="step"),), "tags of cell 0 are damaged", id="damaged"),
    ],
)
def test_propose__nothing_to_propose__says_why(cells: tuple[kit.JSON, ...], message: str) -> None:
    """A notebook with steps keeps them."""
    with pytest.raises(UsageError, match=message):
        propose(*cells)


def test_propose__no_steps_asked_for__is_refused() -> None:
    """A pipeline has a step."""
    with pytest.raises(UsageError, match="0 steps cannot be made"):
        propose(*CELLS, steps=0)


def test_propose__path__writes_only_where_told(tmp_path: Path) -> None:
    """The source stays as it is unless it is named."""
    source = kit.write(tmp_path / "a.ipynb", *CELLS)
    before = source.read_bytes()

    kernelpipe.propose(source)
    kernelpipe.propose(source, tmp_path / "b.ipynb")

    assert source.read_bytes() == before
    assert kit.read(tmp_path / "b.ipynb")["cells"][8]["metadata"] == {"tags": ["step:clean"]}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.ipynb", "b.ipynb"]

    kernelpipe.propose(source, source)

    assert kit.read(source) == kit.read(tmp_path / "b.ipynb")


def test_propose__no_notebook__is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Neither the source nor the target is touched."""
    with pytest.raises(NotebookReadError, match="there is no such file"):
        kernelpipe.propose(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    with pytest.raises(UsageError, match="cannot write"):
        kernelpipe.propose(kit.write(tmp_path / "a.ipynb", *CELLS), tmp_path / "no" / "b.ipynb")

    assert [each.name for each in tmp_path.iterdir()] == ["a.ipynb"]


def test_proposal_document__proposal__is_plain_json() -> None:
    """The command and the panel get the same document."""
    document: Any = json.loads(json.dumps(proposal_document(propose(*CELLS), path="shown.ipynb")))

    assert document["path"] == "shown.ipynb"
    assert document["steps"][1] == {
        "name": "clean",
        "cells": [8, 9],
        "heading": "2. Clean",
        "inputs": ["columns", "df"],
    }
    assert document["setup"] == [
        {"cell": 1, "role": "imports"},
        {"cell": 2, "role": "parameters"},
        {"cell": 3, "role": "functions"},
    ]
    assert document["cells"][3] == {
        "cell": 5,
        "id": "c5",
        "tags": ["hide-input", "step:load_data"],
        "added": ["step:load_data"],
    }
    assert document["notes"] == []
    assert [(d["code"], d["severity"]) for d in document["diagnostics"]] == [("KP234", "info")]
