"""What is written as YAML is what every reader of YAML gets."""

import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kernelpipe.backends.kfp.yaml_text import to_yaml

TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\ufffe\uffff"), max_size=20
) | st.text("abeE10.:-_#'\"\\{}[]&*!|>%@`~ \n\t,?=", max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXTS, parts, max_size=3),
    max_leaves=12,
)


@example(
    {
        "a": [
            "Yes",
            "on",
            "~",
            "1e3",
            "1_0",
            "0x1",
            "=",
            "<<",
            "a: b",
            "- a",
            "é",
            "\x85",
            "x\u2028y",
        ]
    }
)
@example(
    {"a": "x\n", "b": "x\n\ny\n", "c": " x\n", "d": "x\n\n", "e": "\n", "f": "x \n", "g": "a\n b\n"}
)
@example({"a": [[], {}, [[1, [2]], {"b": []}], {"c": {"d": [{"e": 1, "f": 2}]}}]})
@example({"a": [1e22, 1e-07, 5e-324, 1.0, -0.0, 123456789.123]})
@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_to_yaml__any_json__comes_back_from_both_readers(document: dict[str, object]) -> None:
    """Types and texts stay; libyaml and the reader in Python agree."""
    text = to_yaml([document])

    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        (found,) = yaml.load_all(text, Loader=loader)
        assert json.dumps(found, sort_keys=True) == json.dumps(document, sort_keys=True)


def test_to_yaml__two_documents__are_two() -> None:
    """The platform document follows the pipeline's."""
    assert to_yaml([{"a": 1}, {"b": "x"}]) == "a: 1\n---\nb: x\n"


@pytest.mark.parametrize("number", [float("nan"), float("inf")], ids=str)
def test_to_yaml__no_number_of_json__is_refused(number: float) -> None:
    """YAML knows these, KFP does not."""
    with pytest.raises(ValueError, match="is no number of JSON"):
        to_yaml([{"a": number}])
