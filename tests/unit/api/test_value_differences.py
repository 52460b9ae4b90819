"""Value files that are not the same bytes: where their values differ, if they do."""

import sys
from pathlib import Path

import pytest

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


def test_first_difference__figures__are_compared_by_type() -> None:
    """They count what was ever connected to them, which no two processes have in common."""
    from matplotlib.figure import Figure

    one, other = Figure(), Figure()
    other.canvas.mpl_connect("close_event", print)

    assert first_difference([one], [other]) is None
    assert first_difference([one], [other.subplots()]) is not None
