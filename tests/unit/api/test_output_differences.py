"""What of a cell's outputs differs that its plain runs have in common."""

import pytest

from kernelpipe.api.output_differences import OutputDifference, stable_difference
from kernelpipe.api.tolerant_texts import Tolerance


def said(*texts: str) -> list[dict[str, object]]:
    """Return one result per text, a stream for those that end a line."""
    return [
        {"output_type": "stream", "name": "stdout", "text": text}
        if text.endswith("\n")
        else {"output_type": "execute_result", "data": {"text/plain": text}}
        for text in texts
    ]


@pytest.mark.parametrize(
    ("once", "again", "other", "expected"),
    [
        pytest.param(["a1\nb\n"], ["a2\nb\n"], ["a3\nb\n"], None, id="other line"),
        pytest.param(["a1\nb\n"], ["a2\nb\n"], ["a3\nc\n"], ("b", "c"), id="line"),
        pytest.param(["a1\nb\n"], ["a2\nb\n"], ["a3\n"], ("b", "nothing"), id="missing line"),
        pytest.param(["a1\n", "4"], ["a2\n", "4"], ["a3\n", "5"], ("4", "5"), id="result"),
        pytest.param(["a1\n", "4"], ["a2\n", "4"], ["a3\n"], ("4", "nothing"), id="no result"),
        pytest.param(["a\nb\n"], ["a\n"], ["c\n"], None, id="lines come and go"),
        pytest.param(["a\n", "4"], ["a\n"], ["a\n", "5"], None, id="outputs come and go"),
    ],
)
def test_stable_difference__one_part_is_not_stable__does_not_hide_the_others(
    once: list[str], again: list[str], other: list[str], expected: tuple[str, str] | None
) -> None:
    """A cell that prints the time as well can still be wrong."""
    found = stable_difference(3, [said(*once), said(*again)], said(*other), tolerance=Tolerance())

    assert (None if found is None else (found.plain, found.other)) == expected
    assert found is None or isinstance(found, OutputDifference)
