"""Tests of the oracle: what counts as the same output, and that differences are seen."""

import base64
import io
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from plain_run import first_difference

from kernelpipe.api import value_differences
from kernelpipe.api.output_differences import normalise

JSON = dict[str, Any]


def stream(text: str, name: str = "stdout") -> JSON:
    """Return a stream output."""
    return {"output_type": "stream", "name": name, "text": text}


def result(count: int, **data: str) -> JSON:
    """Return the output of a last expression."""
    found = {key.replace("_", "/"): value for key, value in data.items()}
    return {
        "output_type": "execute_result",
        "data": found,
        "metadata": {},
        "execution_count": count,
    }


SAME = [
    pytest.param([result(1, text_plain="3")], [result(9, text_plain="3")], id="count"),
    pytest.param([stream("a"), stream("b")], [stream("ab")], id="joined streams"),
    pytest.param([stream("Wall time: 1 s\n")], [stream("Wall time: 2 ms\n")], id="timing"),
    pytest.param([stream("<f at 0x7f00aa11>")], [stream("<f at 0x7f00bb22>")], id="memory address"),
    pytest.param([stream(" 50%|# | 1/2\r", "stderr")], [], id="progress bar"),
    pytest.param(
        [stream("/lib/x.py:3: FutureWarning: old\n  old()\n", "stderr")], [], id="library warning"
    ),
]
DIFFERENT = [
    pytest.param([stream("0.1")], [stream("0.10")], id="text"),
    pytest.param([stream("a\n")], [stream("a")], id="line end"),
    pytest.param([stream("a")], [stream("a", "stderr")], id="stream"),
    pytest.param([stream("oops", "stderr")], [], id="own text on stderr"),
    pytest.param([stream("a")], [], id="missing"),
    pytest.param([], [stream("a")], id="added"),
    pytest.param([result(1, text_plain="3")], [stream("3")], id="kind"),
    pytest.param(
        [result(1, text_plain="3")], [result(1, text_plain="3", text_html="3")], id="format"
    ),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_first_difference__what_two_runs_never_share__does_not_count(
    left: list[JSON], right: list[JSON]
) -> None:
    """Counts, timings, addresses, bars and libraries' warnings are no difference."""
    assert first_difference({0: left}, {0: right}) is None


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_first_difference__anything_else__counts(left: list[JSON], right: list[JSON]) -> None:
    """Text, streams, kinds and formats must be equal; the message names the cell."""
    found = first_difference({0: [], 4: left}, {4: right})

    assert found is not None
    assert found.startswith("cell 4")


def png(colour: tuple[int, int, int], compression: int) -> str:
    """Return a small image as base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "png", compress_level=compression)
    return base64.b64encode(file.getvalue()).decode()


def test_normalise__image__compares_pixels() -> None:
    """How an image is compressed does not count, what it shows does."""
    pytest.importorskip("PIL")

    def shown(text: str) -> list[JSON]:
        return normalise([result(1, image_png=text)])

    assert png((1, 2, 3), 0) != png((1, 2, 3), zlib.Z_BEST_COMPRESSION)
    assert shown(png((1, 2, 3), 0)) == shown(png((1, 2, 3), zlib.Z_BEST_COMPRESSION))
    assert shown(png((1, 2, 3), 0)) != shown(png((1, 2, 4), 0))


class Holder:
    """Something that pickle stores by its attributes."""

    def __init__(self, value: object) -> None:
        self.value = value


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: [1, {"a": (2.5, float("nan"))}], id="containers"),
        pytest.param(lambda: Holder([1]), id="objects"),
        pytest.param(lambda: __import__("numpy").arange(3), id="arrays"),
        pytest.param(lambda: __import__("pandas").DataFrame({"a": [1, None]}), id="frames"),
    ],
)
def test_first_difference__equal_values_made_twice__are_the_same(
    make: Callable[[], object],
) -> None:
    """Identity does not matter, also not for objects without an equality of their own."""
    assert value_differences.first_difference(make(), make()) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(1, 1.0, id="type"),
        pytest.param([1], [1, 2], id="length"),
        pytest.param({"a": 1}, {"a": 2}, id="member"),
        pytest.param(Holder(1), Holder(2), id="attribute"),
        pytest.param(float("nan"), 1.0, id="nan"),
    ],
)
def test_first_difference__different_values__are_seen(left: object, right: object) -> None:
    """The place of the difference is told."""
    found = value_differences.first_difference(left, right, where="x")

    assert found is not None
    assert found.where.startswith("x")
    assert found.left != found.right
