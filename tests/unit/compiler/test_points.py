"""Tests of reading and combining the points of a batch."""

from pathlib import Path

import pytest

from kernelpipe.compiler.point_files import read_point_file
from kernelpipe.compiler.points import MOST_POINTS, Points, combine_points, parse_grid
from kernelpipe.errors import UsageError
from kernelpipe.model.pipeline import Parameter, ParameterType, Pipeline
from kernelpipe.model.settings import PipelineSettings


def _parameter(
    name: str, kind: ParameterType, default: str, *, nullable: bool = False
) -> Parameter:
    return Parameter(name=name, type=kind, default=default, is_nullable=nullable, cell_index=0)


PIPELINE = Pipeline(
    name="nb",
    path="nb.ipynb",
    kernel_name=None,
    settings=PipelineSettings(),
    parameters=(
        _parameter("lr", ParameterType.DOUBLE, "0.5"),
        _parameter("depth", ParameterType.INTEGER, "3"),
        _parameter("name", ParameterType.STRING, '"base"'),
        _parameter("layers", ParameterType.LIST, "[1]"),
        _parameter("limit", ParameterType.INTEGER, "null", nullable=True),
    ),
    steps=(),
    edges=(),
)


def read(folder: Path, name: str, text: str) -> Points:
    """Return the points in a file with this text."""
    path = folder / name
    path.write_bytes(text.encode())
    found = read_point_file(path, PIPELINE)
    return combine_points(PIPELINE, rows=found.rows, grid=found.grid)


def given(points: Points) -> list[dict[str, object]]:
    """Return the values of each point."""
    return [point.values() for point in points.points]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("p.yaml", "- {lr: 1, depth: 3}\n- lr: 0.01\n  name: 'x'\n", id="yaml"),
        pytest.param("p.yml", "points:\n- {lr: 1, depth: 3}\n- {lr: 0.01, name: x}\n", id="yml"),
        pytest.param("p.json", '[{"lr": 1, "depth": 3}, {"lr": 0.01, "name": "x"}]', id="json"),
        pytest.param("p.jsonl", '{"lr": 1, "depth": 3}\n\n{"lr": 0.01, "name": "x"}', id="jsonl"),
        pytest.param("p.csv", "\ufefflr, depth,name\r\n1,3,\r\n\r\n0.01,,x\r\n", id="csv"),
        pytest.param("p.TSV", 'lr\tdepth\tname\n1\t3\t""\n0.01\t\t"x"\n', id="tsv"),
    ],
)
def test_read_point_file__each_format__gives_the_same_points(
    tmp_path: Path, name: str, text: str
) -> None:
    """Values have the parameters' types; what a file does not give keeps its default."""
    assert given(read(tmp_path, name, text)) == [
        {"lr": 1.0, "depth": 3},
        {"lr": 0.01, "name": "x"},
    ]


def test_read_point_file__csv_cells__are_read_by_type(tmp_path: Path) -> None:
    """Text stays text, lists are lists, null is None where None is accepted."""
    text = 'name,layers,limit\n5,"[1, 2]",null\n"a, b",,7\n" c ",,\n'

    assert given(read(tmp_path, "p.csv", text)) == [
        {"name": "5", "layers": [1, 2], "limit": None},
        {"name": "a, b", "limit": 7},
        {"name": " c "},
    ]


def test_read_point_file__grid_in_a_file__is_all_combinations(tmp_path: Path) -> None:
    """The key ``grid`` says that lists are values in turn; ``points`` stand beside it."""
    text = "grid: {lr: [0.1, 0.2], depth: [1]}\npoints:\n- name: a\n- name: b\n"

    points = read(tmp_path, "p.yaml", text)

    assert given(points) == [
        {"lr": 0.1, "depth": 1, "name": "a"},
        {"lr": 0.2, "depth": 1, "name": "a"},
        {"lr": 0.1, "depth": 1, "name": "b"},
        {"lr": 0.2, "depth": 1, "name": "b"},
    ]
    assert points.varying == ("name", "lr")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("p.txt", "", "p.txt: a file of points ends with", id="unknown-ending"),
        pytest.param("p.csv", "", "p.csv holds no points", id="empty"),
        pytest.param("p.csv", "lr\n", "p.csv holds no points", id="header-only"),
        pytest.param("p.json", "[]", "p.json holds no points", id="empty-list"),
        pytest.param("p.yaml", "", "p.yaml holds no points", id="empty-yaml"),
        pytest.param(
            "p.csv",
            "lr,dept\n1,2\n",
            "p.csv line 1, column 2: 'dept' is not a parameter.*\n  hint: did you mean 'depth'",
            id="unknown-column",
        ),
        pytest.param("p.csv", "lr, lr\n1,2\n", "line 1: two columns are named 'lr'", id="twice"),
        pytest.param("p.csv", "lr,\n1,2\n", "line 1: column 2 has no name", id="no-name"),
        pytest.param(
            "p.csv",
            'lr,name\n1,"a\nb"\n2\n',
            "p.csv line 4: 1 cells, but the first line names 2 columns",
            id="ragged",
        ),
        pytest.param(
            "p.csv", 'lr,name\n1,"a"b\n', "p.csv line 2: .*hint: a cell with a quote", id="quotes"
        ),
        pytest.param(
            "p.csv", "lr\n1\nfast\n", "p.csv line 3: parameter 'lr' takes float", id="wrong-type"
        ),
        pytest.param(
            "p.csv", 'layers\n"[1"\n', "line 2, column 'layers': not valid YAML", id="wrong-cell"
        ),
        pytest.param(
            "p.jsonl", '{"lr": 1}\n{"lr": }\n', "p.jsonl line 2: not valid JSON", id="broken-line"
        ),
        pytest.param("p.jsonl", "3\n", "p.jsonl line 1: this is not a mapping", id="no-mapping"),
        pytest.param(
            "p.json", '[{"lr": 1, "lr": 2}]', "'lr' stands in a mapping twice", id="json2"
        ),
        pytest.param(
            "p.yaml", "- {lr: 1, lr: 2}", "a key stands in this mapping twice", id="yaml2"
        ),
        pytest.param(
            "p.yaml",
            "- lr: 1\n- lr: 2\n  depht: 3\n",
            r"p.yaml item 2 \(line 2\): 'depht' is not a parameter.*\n  hint: did you mean 'depth'",
            id="unknown-key",
        ),
        pytest.param(
            "p.yaml",
            "lr: [1, 2]\ndepth: [3]\n",
            r"p.yaml does not hold a list of points\n  hint: for all combinations, write 'gr",
            id="lists-without-grid",
        ),
        pytest.param("p.yaml", "lr: 1\n", r"hint: write a list: each point begins", id="mapping"),
        pytest.param("p.yaml", "3\n", r"hint: write a list of mappings, such as", id="number"),
        pytest.param("p.yaml", "grid: [1]\n", "'grid' does not map names to lists", id="odd-grid"),
        pytest.param("p.yaml", "points: 3\n", "'points' is not a list", id="odd-points"),
        pytest.param("p.yaml", "grid: {lr: []}\n", "the batch has no points", id="no-values"),
        pytest.param("p.yaml", "- 1: 2\n", "item 1 .line 1.: this is not a mapping", id="no-text"),
        pytest.param("p.json", "{", "p.json: not valid JSON", id="broken-json"),
        pytest.param("p.json", "[" * 99_999, "p.json: not valid JSON: nested", id="deep"),
        pytest.param(
            "p.csv", "depth\n" + "x\n" * 30, "line 11: .*\n.*and 20 more like these", id="many"
        ),
    ],
)
def test_read_point_file__mistake__says_where_and_what(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    """Nothing starts, and the message names file, line, column or key, and parameter."""
    with pytest.raises(UsageError, match="(?s)" + message):
        read(tmp_path, name, text)


def test_read_point_file__no_file__is_refused(tmp_path: Path) -> None:
    """A file that is not there, or is not text, is named."""
    with pytest.raises(UsageError, match=r"cannot read .*p\.csv: No such file"):
        read_point_file(tmp_path / "p.csv", PIPELINE)
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match=r"cannot read .*p\.csv: it is not UTF-8"):
        read_point_file(tmp_path / "p.csv", PIPELINE)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("lr=0.1,1e-2", (0.1, 0.01), id="numbers"),
        pytest.param("lr=[0.1, 0.01]", (0.1, 0.01), id="in-brackets"),
        pytest.param("depth=1..3,7", (1, 2, 3, 7), id="range"),
        pytest.param("depth=2..-1", (2, 1, 0, -1), id="range-down"),
        pytest.param("name=a, 1..2,5", ("a", "1..2", "5"), id="text"),
        pytest.param("name=\"a,b\",'c'", ("a,b", "c"), id="quoted"),
        pytest.param("name=x=1,[b", ("x=1", "[b"), id="odd-text"),
        pytest.param('name=""', ("",), id="empty-text"),
        pytest.param("layers=[1, 2],[3]", ([1, 2], [3]), id="lists"),
        pytest.param("layers=[1, 2]", ([1, 2],), id="one-list"),
        pytest.param("layers=[']'],[[1], {a: 2}]", (["]"], [[1], {"a": 2}]), id="nested"),
        pytest.param("limit=null,5", (None, 5), id="null"),
    ],
)
def test_parse_grid__values__are_separated_outside_of_quotes(
    text: str, values: tuple[object, ...]
) -> None:
    """Each value is read by the parameter's type."""
    (axis,) = parse_grid(PIPELINE, [text])

    assert axis.values == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("lr", "--grid lr: there is no '='", id="no-equals"),
        pytest.param("lr=", "there is an empty value", id="no-value"),
        pytest.param("lr=1,,2", "there is an empty value", id="empty-value"),
        pytest.param("dept=1", r"'dept' is not a parameter.*\n  hint: did you mean", id="unknown"),
        pytest.param("layers=[1,2", "not valid YAML", id="not-closed"),
        pytest.param("depth=1..99999999999", "99,999,999,999 points are too many", id="huge"),
    ],
)
def test_parse_grid__mistake__is_named(text: str, message: str) -> None:
    """The message repeats what was typed."""
    with pytest.raises(UsageError, match="(?s)" + message):
        parse_grid(PIPELINE, [text])


def test_combine_points__two_axes__last_changes_fastest() -> None:
    """The product is in the order given; fixed values are in every point, in notebook order."""
    points = combine_points(
        PIPELINE, grid=parse_grid(PIPELINE, ["depth=5,3", "lr=0.1,0.01"]), fixed={"name": "x"}
    )

    assert [point.given for point in points.points] == [
        '{"lr": 0.1, "depth": 5, "name": "x"}',
        '{"lr": 0.01, "depth": 5, "name": "x"}',
        '{"lr": 0.1, "depth": 3, "name": "x"}',
        '{"lr": 0.01, "depth": 3, "name": "x"}',
    ]
    assert points.varying == ("depth", "lr")


def test_combine_points__wrong_value_in_a_grid__is_named() -> None:
    """A value that does not fit its parameter is told with the axis."""
    with pytest.raises(UsageError, match=r"--grid depth=1,x: parameter 'depth' takes int"):
        combine_points(PIPELINE, grid=parse_grid(PIPELINE, ["depth=1,x"]))


def test_combine_points__same_point_twice__runs_once(tmp_path: Path) -> None:
    """A value that is the default makes the same point as no value; a note tells."""
    points = read(tmp_path, "p.csv", "lr,depth\n0.5,1\n,1\n0.1,1\n")

    assert given(points) == [{"lr": 0.5, "depth": 1}, {"lr": 0.1, "depth": 1}]
    assert points.varying == ("lr",)
    assert points.notes == (
        f"{tmp_path}/p.csv line 3 is the same point as {tmp_path}/p.csv line 2; it runs once",
    )


def test_combine_points__same_value_twice_in_a_grid__runs_once() -> None:
    """1 and 1.0 are one value of a float parameter; the only point shows what it gives."""
    points = combine_points(PIPELINE, grid=parse_grid(PIPELINE, ["lr=1,1.0"]))

    assert given(points) == [{"lr": 1.0}]
    assert points.varying == ("lr",)
    assert points.notes == ("the grid holds lr=1.0 twice; it runs once",)


def test_combine_points__name_given_twice__is_refused(tmp_path: Path) -> None:
    """A name comes from the file, from a grid, or from -p."""
    (tmp_path / "p.csv").write_text("lr\n1\n")
    rows = read_point_file(tmp_path / "p.csv", PIPELINE).rows
    grid = parse_grid(PIPELINE, ["depth=1,2"])

    with pytest.raises(UsageError, match=r"p\.csv line 2: 'lr' is given by --grid lr=1, too"):
        combine_points(PIPELINE, rows=rows, grid=parse_grid(PIPELINE, ["lr=1"]))
    with pytest.raises(UsageError, match=r"--grid depth=1,2: 'depth' is given by -p, too"):
        combine_points(PIPELINE, rows=rows, grid=grid, fixed={"depth": 1})
    with pytest.raises(UsageError, match=r"--grid depth=1,2: 'depth' is given by --grid depth"):
        combine_points(PIPELINE, grid=(*grid, *grid))


def test_combine_points__too_many__are_refused_before_they_are_made() -> None:
    """A product of 10,001 or more points is refused at once."""
    grid = parse_grid(PIPELINE, [f"depth=1..{MOST_POINTS}"])

    assert len(combine_points(PIPELINE, grid=grid).points) == 10_000
    with pytest.raises(UsageError, match=r"20,000 points are too many\n  hint: one batch takes"):
        combine_points(PIPELINE, grid=(*grid, *parse_grid(PIPELINE, ["lr=1,2"])))


def test_combine_points__nothing_given__is_refused() -> None:
    """There is no batch without points."""
    with pytest.raises(UsageError, match="a batch needs points"):
        combine_points(PIPELINE)
