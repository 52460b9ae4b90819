"""Parameters and metrics, as the cells that define them say."""

import ast

import pytest
from percent import pipeline_of

from kernelpipe.analysis.parameters import derived_from
from kernelpipe.model.pipeline import ParameterType


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("p = 3", ("int", "3", False), id="int"),
        pytest.param("p = -3", ("int", "-3", False), id="negative"),
        pytest.param("p = 0.5", ("float", "0.5", False), id="float"),
        pytest.param("p = 1e-3", ("float", "0.001", False), id="exponent"),
        pytest.param("p = True", ("bool", "true", False), id="bool is no int"),
        pytest.param("p = 'it\\'s \"q\"'", ("str", '"it\'s \\"q\\""', False), id="quotes"),
        pytest.param("p = [1, -2]", ("list", "[1, -2]", False), id="list"),
        pytest.param("p = (1, 2)", ("list", "[1, 2]", False), id="tuple"),
        pytest.param("p = {'a': [1]}", ("dict", '{"a": [1]}', False), id="dict"),
        pytest.param("p = None", ("any", "null", True), id="none"),
        pytest.param("p: int = 3", ("int", "3", False), id="annotated"),
        pytest.param("p: float = 1", ("float", "1", False), id="annotation decides"),
        pytest.param("p: int | None = None", ("int", "null", True), id="optional by bar"),
        pytest.param(
            "from typing import Optional\np: Optional[str] = None",
            ("str", "null", True),
            id="Optional",
        ),
        pytest.param("p: list[int] = []", ("list", "[]", False), id="generic"),
        pytest.param("q, p = 1, 2", ("int", "2", False), id="unpacked"),
        pytest.param("p = 1\np = 2", ("int", "2", False), id="assigned twice"),
    ],
)
def test_build_pipeline__parameters_cell__types_and_default(
    source: str, expected: tuple[str, str, bool]
) -> None:
    """Literals become parameters; their text and type are exact."""
    pipeline = pipeline_of(f"# %% parameters\n{source}\n# %% step:a\nprint(p)\n")

    found = next(x for x in pipeline.parameters if x.name == "p")

    assert (found.type.value, found.default, found.is_nullable) == expected


@pytest.mark.parametrize(
    "source",
    ["p = len('abc')", "p = {1, 2}", "p = b'x'", "p = {1: 2}", "p = 1j", "p = 1\np += 1\np = q()"],
)
def test_build_pipeline__no_json_literal__is_no_parameter(source: str) -> None:
    """What JSON cannot hold, or code computes, cannot be set from outside."""
    pipeline = pipeline_of(f"# %% imports\nq = int\n# %% parameters\n{source}\n# %% step:a\np\n")

    assert pipeline.parameters == ()


def test_build_pipeline__steps__receive_only_what_they_read() -> None:
    """A step's parameters are its own, its setup's, and those behind what is derived."""
    pipeline = pipeline_of(
        "# %% parameters\nlr = 1\nn = 2\nunused = 3\ntotal = lr * n\n"
        "# %% functions\ndef scale(x): return x * lr\n"
        "# %% step:a\nprint(total)\n# %% step:b\nprint(scale(1))\n# %% step:c\nprint(1)\n"
    )

    read = {s.name: [i.name for i in s.inputs if i.source is None] for s in pipeline.steps}

    assert read == {"a": ["lr", "n"], "b": ["lr"], "c": []}


def test_build_pipeline__setup_reads_parameter__every_step_receives_it() -> None:
    """A seed that setup uses reaches every step that replays the setup."""
    pipeline = pipeline_of(
        "# %% parameters\nseed = 1\n# %% imports\nimport random\nrandom.seed(seed)\n"
        "# %% step:a\nx = 1\n# %% step:b\ny = 2\n"
    )

    assert [[i.name for i in s.inputs] for s in pipeline.steps] == [["seed"], ["seed"]]


def test_derived_from__chain__reaches_the_parameters() -> None:
    """What is derived of something derived depends on the parameters behind it."""
    tree = ast.parse("a = 1\nb = a + 1\nc = b * 2\nprint(a)\n")

    assert derived_from(tree, {"a"}) == {"a": {"a"}, "b": {"a"}, "c": {"a"}, "": {"a"}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("acc = 1\nloss = 2", ("acc", "loss"), id="assigned"),
        pytest.param("print(m)", ("m",), id="printed"),
        pytest.param("print('m is', m)", ("m",), id="printed with a text"),
        pytest.param("print(f'{m:.2f}')", ("m",), id="in an f-string"),
        pytest.param("m", ("m",), id="shown"),
        pytest.param("display(m)", ("m",), id="displayed"),
        pytest.param("print(round(m, 2))", ("m",), id="rounded"),
        pytest.param("print('done')", (), id="none"),
    ],
)
def test_build_pipeline__metrics_cell__names(source: str, expected: tuple[str, ...]) -> None:
    """The values that a metrics cell assigns or prints by name are metrics."""
    pipeline = pipeline_of(f"# %% step:a\nm = 0.5\n# %% metrics\n{source}\n")

    assert pipeline.steps[0].metrics == expected


def test_parameter_type__values__are_the_wire_text() -> None:
    """The JSON of the command line uses these words."""
    assert [t.value for t in ParameterType] == [
        "str",
        "int",
        "float",
        "bool",
        "list",
        "dict",
        "any",
    ]
