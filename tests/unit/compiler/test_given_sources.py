"""Parameters cells as they are when other values were written into them."""

import pytest

from kernelpipe.compiler.given_sources import with_values


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("a = 1", "a = 1; a = 7", id="alone"),
        pytest.param("a = 1  # why\nb = a + 1", "a = 1; a = 7  # why\nb = a + 1", id="comment"),
        pytest.param("a = 1; b = a", "a = 1; a = 7; b = a", id="one line"),
        pytest.param("a = (\n  1\n)\nb = 2", "a = (\n  1\n); a = 7\nb = 2", id="many lines"),
        pytest.param("a: int = 1", "a: int = 1; a = 7", id="annotated"),
        pytest.param("a = b = 1", "a = b = 1; a = 7", id="two names"),
        pytest.param("a, b = 1, 2", "a, b = 1, 2; a = 7", id="tuple"),
        pytest.param("a = 1\na = 2", "a = 1\na = 2; a = 7", id="the last counts"),
        pytest.param("ä = 'ö'; a = 1", "ä = 'ö'; a = 1; a = 7", id="more bytes than characters"),
        pytest.param("c = 1", "c = 1", id="another name"),
    ],
)
def test_with_values__parameter__is_bound_where_its_literal_is(source: str, expected: str) -> None:
    """All that follows sees the value, and no line moves."""
    assert with_values(source, {"a": 7}) == expected


def test_with_values__several__are_all_bound() -> None:
    """Values are written as Python, exactly."""
    source = with_values("x = 0.1\ny = [1]; z = None", {"x": float("inf"), "y": (1,), "z": "a'b"})

    assert source == "x = 0.1; x = float('inf')\ny = [1]; y = (1,); z = None; z = \"a'b\""
