"""Value files that are not the same bytes: where their values differ, if they do."""

import sys
from pathlib import Path

import pytest

from kernelpipe.api.tolerant_texts import Tolerance
from kernelpipe.api.value_differences import Difference, first_difference, first_differences
from kernelpipe.runtime.values import dump_group


def written(path: Path, **values: object) -> Path:
    """Write a value file and return its path."""
    dump_group(sorted(values), values, path)
    return path


def test_first_differences__files__are_compared_name_by_name(tmp_path: Path) -> None:
    """Equal values of other bytes are the same; what differs is told, and what is missing."""
    text, same = (str(b"shared", "ascii") for _ in range(2))
    pairs = [
        (
            written(tmp_path / "a", x=[text, text], y=1),
            written(tmp_path / "b", x=[text, same], y=1),
        ),
        (
            written(tmp_path / "c", x=[1, {"k": 2}], y=1),
            written(tmp_path / "d", x=[1, {"k": 2.0}], z=1),
        ),
    ]
    assert pairs[0][0].read_bytes() != pairs[0][1].read_bytes()

    found = first_differences(pairs, beside=tmp_path)

    assert found == [
        [],
        [
            Difference(where="x[1]['k']", left="builtins.int 2", right="builtins.float 2.0"),
            Difference(where="y", left="there", right="missing"),
            Difference(where="z", left="missing", right="there"),
        ],
    ]


def test_first_differences__class_of_a_module_beside_the_notebook__is_found(tmp_path: Path) -> None:
    """Loading needs the notebook's own modules; without them it says why they do not load."""
    (tmp_path / "beside_kit.py").write_text("class Thing:\n    pass\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        import beside_kit  # type: ignore[import-not-found]  # made above

        one, other = beside_kit.Thing(), beside_kit.Thing()
        one.size, other.size = 1, 2
        pair = (written(tmp_path / "a", x=one), written(tmp_path / "b", x=other))
        del sys.modules["beside_kit"]  # the user's own code, for tests of what steps touch

    ((found,),) = first_differences([pair], beside=tmp_path)
    ((lost,),) = first_differences([pair], beside=tmp_path / "elsewhere")

    assert found == Difference(where="x (Thing)[2]['size']", left="1", right="2")
    assert "No module named 'beside_kit'" in lost.left


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(
            {"a": 1, "b": 2}, {"b": 2, "a": 1}, "the keys of x[0]: 'a' and 'b'", id="order"
        ),
        pytest.param(0.0, -0.0, "x: 0.0 and -0.0", id="sign"),
        pytest.param((1, 2), (1,), "x: 2 members and 1 members", id="length"),
        pytest.param(
            "a" * 400 + "b" + "c" * 400,
            "a" * 400 + "d" + "c" * 400,
            f"x: ...{'a' * 150}b{'c' * 149}... and ...{'a' * 150}d{'c' * 149}...",
            id="long",
        ),
        pytest.param([1j, {3}, float("nan")], [1j, {3}, float("nan")], None, id="same"),
    ],
)
def test_first_difference__plain_values__is_told(
    left: object, right: object, expected: str | None
) -> None:
    """Where it is, and both sides; of long texts what is around it."""
    found = first_difference(left, right, where="x")

    assert (None if found is None else str(found)) == expected


def test_first_difference__sharing__counts() -> None:
    """A list that is there twice is not the same as two equal lists."""
    one = [1]

    found = first_difference([one, one], [[1], [1]], where="x")

    assert found == Difference(where="x[1]", left="the list of x[0]", right="another list")
    assert first_difference([[1], [1]], [one, one], where="x") == Difference(
        where="x[1]", left="another list", right="the list of x[0]"
    )
    assert first_difference([one, one], [one, one], where="x") is None


def test_first_difference__frames__names_the_column() -> None:
    """As pandas says it."""
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({"n": [1, 2], "x": [0.5, last]}) for last in (1.0, 1.5)]

    found = first_difference(*frames, where="table")

    assert found == Difference(
        where='table.iloc[:, 1] (column name="x")', left="[0.5, 1.0]", right="[0.5, 1.5]"
    )


def test_first_difference__figures__are_compared_by_pixels() -> None:
    """They count what was ever connected to them, which no two processes have in common."""
    from matplotlib.figure import Figure

    one, other, drawn = Figure(), Figure(), Figure()
    other.canvas.mpl_connect("close_event", print)
    axes = drawn.subplots()

    assert first_difference([one], [other]) is None
    assert first_difference([one], [axes]) is not None
    assert first_difference([one], [drawn], where="x") == Difference(
        where="x[0]", left="a figure", right="another picture"
    )
    assert first_difference(axes, Figure().subplots()) is None


def _made(code: str, name: str) -> object:
    """Return what ``code`` binds to ``name`` in a module of its own, which is the notebook."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(code, namespace)  # noqa: S102 - what steps do
    return namespace[name]


NOW = Tolerance(relative=1e-9, between=(1_700_000_000.0, 1_700_000_060.0))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(
            {"at": "1700000001", "n": 1},
            {"at": "1700000050", "n": 2},
            "x['n']",
            id="after a moment",
        ),
        pytest.param({"at": "1700000001"}, {"at": "1700000050"}, None, id="moment"),
        pytest.param("<object at 0x7f0000000001>", "<object at 0x7f0000000002>", None, id="place"),
        pytest.param([1.0, 0.1 + 0.2], [1.0, 0.3], None, id="last digit"),
        pytest.param([1.0, 1e-12], [1.0, 2e-12], "x[1]", id="small"),
    ],
)
def test_first_difference__tolerance__forgives_that_only(
    left: object, right: object, expected: str | None
) -> None:
    """What is forgiven does not hide what comes after it."""
    found = first_difference(left, right, where="x", tolerance=NOW)

    assert (None if found is None else found.where) == expected


def test_first_difference__arrays__names_the_element() -> None:
    """Also where both are shown without their middle, or with too few digits."""
    numpy = pytest.importorskip("numpy")
    one, other = numpy.zeros((40, 50)), numpy.zeros((40, 50))
    other[20, 7] = 1e-30
    texts = [numpy.array(["a", "1700000001", last]) for last in "bc"]
    masked = [numpy.ma.masked_array([1, 2], mask) for mask in ([0, 0], [0, 1])]

    assert first_difference(one, other, where="x", tolerance=NOW) == Difference(
        where="x[20, 7]", left="np.float64(0.0)", right="np.float64(1e-30)"
    )
    assert first_difference(*texts, where="x", tolerance=NOW) == Difference(
        where="x[2]", left="'b'", right="'c'"
    )
    assert first_difference(*masked, where="x") == Difference(
        where="the mask of x[1]", left="np.False_", right="np.True_"
    )


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param([1, "a"], [True, "a"], "x['c'][0]", id="kind"),
        pytest.param([None, "a", 1], [float("nan"), "a", 1], "x['c'][0]", id="nothing"),
        pytest.param(["1700000001", 1], ["1700000009", 1], None, id="moment"),
        pytest.param(["1700000001", "a"], ["1700000009", "b"], "x['c'][1]", id="after a moment"),
        pytest.param(["1700000001", "a"], ["1700000009", "a"], None, id="texts"),
    ],
)
def test_first_difference__columns_of_objects__are_compared_by_member(
    left: list[object], right: list[object], expected: str | None
) -> None:
    """For pandas None is NaN and 1 is True."""
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({"c": each, "n": 1.5}) for each in (left, right)]
    columns = [frame["c"] for frame in frames]

    found = first_difference(*frames, where="x", tolerance=NOW)
    in_series = first_difference(*columns, where="x['c']", tolerance=NOW)

    assert (None if found is None else found.where) == expected
    assert (None if in_series is None else in_series.where) == expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("f = lambda: 1", "\n\nf = lambda: 1", None, id="lines"),
        pytest.param("f = lambda: 1", "f = lambda: 2", "['code']['constants'][1]", id="constant"),
        pytest.param("f = lambda: a", "f = lambda: b", "['code']['names'][0]", id="name"),
        pytest.param("def f(a=1): 0", "def f(a=2): 0", "['defaults'][0]", id="default"),
        pytest.param(
            "def g(a):\n def h(): return a\n return h\nf = g(1)",
            "def g(a):\n def h(): return a\n return h\nf = g(2)",
            "['closure'][0]",
            id="closure",
        ),
        pytest.param("class f:\n n = 1", "class f:\n n = 2", "['n']", id="class"),
        pytest.param(
            "class f:\n def m(s): return s.a",
            "class f:\n def m(s): return s.b",
            "['m']['code']['names'][0]",
            id="method",
        ),
        pytest.param(
            "from dataclasses import *\n@dataclass\nclass f:\n n: int = 1",
            "from dataclasses import *\n@dataclass\nclass f:\n n: int = 1",
            None,
            id="dataclass",
        ),
    ],
)
def test_first_difference__functions_and_classes__are_compared_by_code(
    left: str, right: str, expected: str | None
) -> None:
    """Those of one name may be two versions of a notebook's function."""
    found = first_difference(_made(left, "f"), _made(right, "f"), where="f")

    assert (None if found is None else found.where) == (expected and f"f{expected}")


def test_first_differences__names_share__counts(tmp_path: Path) -> None:
    """Two names of one list are not the same as names of two equal lists."""
    one: list[int] = [1]
    pair = (written(tmp_path / "a", x=one, y=one), written(tmp_path / "b", x=[1], y=[1]))

    assert first_differences([pair], beside=tmp_path, is_here=True) == [
        [Difference(where="y", left="the list of x", right="another list")]
    ]
