"""Tests of drawing pipelines as text, Mermaid and Graphviz."""

from collections.abc import Mapping, Sequence

import pytest

from kernelpipe.cli.diagrams import draw_dot, draw_mermaid
from kernelpipe.cli.drawing import draw_text
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell
from kernelpipe.model.pipeline import (
    Edge,
    EdgeKind,
    InputPort,
    Parameter,
    ParameterType,
    Pipeline,
    Step,
)
from kernelpipe.model.settings import Foreach, PipelineSettings, StepSettings


def _step(
    name: str,
    *,
    after: Sequence[str] = (),
    inputs: Mapping[str, str | None] | None = None,
    cells: Sequence[int] = (1,),
    metrics: tuple[str, ...] = (),
    settings: StepSettings | None = None,
) -> Step:
    return Step(
        name=StepName(name),
        cells=tuple(
            Cell(index=i, id=f"c{i}", source="", location=Location(path="nb.ipynb")) for i in cells
        ),
        tests=(),
        setup=(),
        after=tuple(StepName(a) for a in sorted(after)),
        inputs=tuple(
            InputPort(name=port, source=None if source is None else StepName(source))
            for port, source in (inputs or {}).items()
        ),
        outputs=(),
        metrics=metrics,
        settings=settings or StepSettings(),
    )


def _edge(producer: str, consumer: str, *names: str) -> Edge:
    return Edge(
        producer=StepName(producer),
        consumer=StepName(consumer),
        kind=EdgeKind.DATA if names else EdgeKind.ORDER,
        names=names,
    )


def _pipeline(
    *steps: Step, edges: Sequence[Edge] = (), parameters: Sequence[Parameter] = ()
) -> Pipeline:
    return Pipeline(
        name="churn",
        path="churn.ipynb",
        kernel_name=None,
        settings=PipelineSettings(),
        parameters=tuple(parameters),
        steps=steps,
        edges=tuple(edges),
    )


def _parameter(name: str, default: str, kind: ParameterType = ParameterType.DOUBLE) -> Parameter:
    return Parameter(name=name, type=kind, default=default, is_nullable=False, cell_index=0)


CHURN = _pipeline(
    _step("load", cells=(2, 3, 4, 6, 7)),
    _step("split", after=["load"], inputs={"data": "load"}, cells=(8,)),
    _step("forest", after=["split"], inputs={"X": "split", "lr": None, "y": "split"}, cells=(9,)),
    _step("linear", after=["split"], inputs={"X": "split", "@random": "split"}, cells=(10, 12)),
    _step(
        "evaluate",
        after=["forest", "linear", "split"],
        inputs={"a": "forest", "b": "linear", "X": "split"},
        cells=(13, 14),
        metrics=("accuracy",),
    ),
    _step("report", after=["evaluate"], cells=(15,)),
    edges=[_edge("load", "split", "data"), _edge("evaluate", "report")],
    parameters=[_parameter("lr", "0.1"), _parameter("text", f'"{"x" * 40}"', ParameterType.STRING)],
)


def test_draw_text__branches__have_lanes() -> None:
    """Branches get lanes, and each step says what it takes from where."""
    assert draw_text(CHURN).split("\n") == [
        "churn: 6 steps, 2 parameters",
        "  lr: float = 0.1",
        f'  text: str = "{"x" * 26}...',
        "",
        "●   load      cells 2-4, 6, 7",
        "●   split     cell 8           data <- load",
        "├─● forest    cell 9           X, y <- split; lr <- parameters",
        "● │ linear    cells 10, 12     X, state of random <- split",
        "●─╯ evaluate  cells 13, 14     X <- split; a <- forest; b <- linear; metrics: accuracy",
        "●   report    cell 15          after evaluate",
    ]


CONTROLLED = _pipeline(
    _step("train", cells=(2,), metrics=("acc",)),
    _step(
        "tune",
        after=["train"],
        cells=(3,),
        inputs={"lrs": None},
        settings=StepSettings(when='acc < 1 or "x" in s', foreach=Foreach(name="lr", items="lrs")),
    ),
    _step("bye", cells=(4,), settings=StepSettings(on_exit=True)),
    edges=[_edge("train", "tune")],
)


def test_draw_text__control_flow__is_said_first() -> None:
    """What decides whether, how often and when a step runs comes before what it takes."""
    assert draw_text(CONTROLLED).split("\n")[2:] == [
        "● train  cell 2  metrics: acc",
        '● tune   cell 3  when acc < 1 or "x" in s; for lr in lrs; lrs <- parameters; after train',
        "● bye    cell 4  at the end",
    ]


def test_draw_mermaid__control_flow__is_in_the_step() -> None:
    """Each on a line of its own, escaped as all texts are."""
    assert draw_mermaid(CONTROLLED).split("\n") == [
        "flowchart TD",
        '    s0["train"]',
        '    s1["tune<br/>when acc #60; 1 or #34;x#34; in s<br/>for lr in lrs"]',
        '    s2["bye<br/>at the end"]',
        "    s0 -.-> s1",
    ]


def test_draw_dot__control_flow__is_in_the_label() -> None:
    """Each on a line of its own."""
    assert draw_dot(CONTROLLED).split("\n")[2:5] == [
        '    "train";',
        r'    "tune" [label="tune\nwhen acc < 1 or \"x\" in s\nfor lr in lrs"];',
        r'    "bye" [label="bye\nat the end"];',
    ]


def test_draw_text__encoding_without_lines__is_ascii() -> None:
    """A terminal that has no box characters gets ASCII ones."""
    lines = draw_text(CHURN, encoding="ascii").split("\n")

    assert [line[:3] for line in lines[4:]] == ["*  ", "*  ", "|-*", "* |", "*-|", "*  "]


def test_draw_text__no_steps__is_the_title() -> None:
    """A notebook without steps draws without failing."""
    assert draw_text(_pipeline()) == "churn: 0 steps, 0 parameters"


@pytest.mark.parametrize(
    ("steps", "lanes"),
    [
        pytest.param({"a": "", "b": "", "c": ""}, ["●", "●", "●"], id="apart"),
        pytest.param(
            {"a": "", "b": "", "c": "a", "d": "ab", "e": "c"},
            ["●", "│ ●", "├─│─●", "●─╯ │", "    ●"],
            id="crossing",
        ),
        pytest.param(
            {"a": "", "b": "", "c": "", "d": "", "e": "ad", "f": "bce"},
            ["●", "│ ●", "│ │ ●", "│ │ │ ●", "●─│─│─╯", "●─┴─╯"],
            id="joins in the middle",
        ),
        pytest.param(
            {"a": "", "b": "", "c": "", "d": "abc", "e": "bc", "f": "c"},
            ["●", "│ ●", "│ │ ●", "●─┼─┤", "  ●─┤", "    ●"],
            id="passing joins",
        ),
        pytest.param({"a": "", "b": "a", "c": "ab"}, ["●", "●", "●"], id="indirect edge"),
        pytest.param(
            {"a": "", "b": "", "c": "a", "d": "b", "e": "b"},
            ["●", "│ ●", "● │", "●─┤", "  ●"],
            id="from the right",
        ),
        pytest.param(
            {"a": "", "b": "", "c": "", "d": "b", "e": "ac"},
            ["●", "│ ●", "│ │ ●", "│ ● │", "●───╯"],
            id="over a free lane",
        ),
    ],
)
def test_draw_text__shape__has_lanes(steps: dict[str, str], lanes: list[str]) -> None:
    """Lanes join, cross and end as the edges do."""
    pipeline = _pipeline(*(_step(name, after=list(after)) for name, after in steps.items()))

    lines = draw_text(pipeline).split("\n")[2:]

    assert [line.partition("cell")[0].rstrip(" abcdef") for line in lines] == lanes


def test_draw_text__many_names__are_cut() -> None:
    """Lines stay readable; the JSON has every name."""
    names = dict.fromkeys("abcdefg", "one")

    text = draw_text(_pipeline(_step("one"), _step("two", after=["one"], inputs=names)))

    assert text.endswith("a, b, c, d, e, 2 more <- one")


def test_draw_mermaid__names_and_parameters__are_quoted() -> None:
    """The chart has ids of its own; labels are escaped."""
    pipeline = _pipeline(
        _step("end"),
        _step("a-b", after=["end"], inputs={"x": "end", "mode": None}),
        _step("last", after=["a-b"]),
        edges=[_edge("end", "a-b", "v", "w", "x", "y", "z"), _edge("a-b", "last")],
        parameters=[_parameter("mode", '"<#>"', ParameterType.STRING)],
    )

    assert draw_mermaid(pipeline).split("\n") == [
        "flowchart TD",
        '    p0(["mode: str = #34;#60;#35;#62;#34;"])',
        '    s0["end"]',
        '    s1["a-b"]',
        '    s2["last"]',
        "    p0 --> s1",
        '    s0 -->|"v, w, x, 2 more"| s1',
        "    s1 -.-> s2",
    ]


def test_draw_dot__names_and_parameters__are_quoted() -> None:
    """Every name is a quoted string."""
    pipeline = _pipeline(
        _step("load", inputs={"mode": None, "derived": None}),
        _step("train", after=["load"]),
        edges=[_edge("load", "train", "@random", "X"), _edge("train", "load")],
        parameters=[_parameter("mode", '"a"', ParameterType.STRING)],
    )

    assert draw_dot(pipeline).split("\n") == [
        'digraph "churn" {',
        "    node [shape=box];",
        '    "parameter mode" [label="mode: str = \\"a\\"", shape=ellipse];',
        '    "load";',
        '    "train";',
        '    "parameter mode" -> "load";',
        '    "load" -> "train" [label="random, X"];',
        '    "train" -> "load" [style=dashed];',
        "}",
    ]
