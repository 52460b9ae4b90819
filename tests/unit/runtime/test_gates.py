"""The expressions of ``when:``: what they may be, and what they give."""

import pytest

from kernelpipe.runtime.gates import GateError, GateSyntaxError, Outcome, evaluate_gate, names_in


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("accuracy > 0.9", ("accuracy",)),
        ("b and not a or c == 'x'", ("a", "b", "c")),
        ("mode in ['full', 'half']", ("mode",)),
        ("(a - b) / 2 >= -1", ("a", "b")),
        ("limit is not None", ("limit",)),
        ("True", ()),
    ],
)
def test_names_in__allowed__are_sorted(expression: str, names: tuple[str, ...]) -> None:
    """Comparisons, logic, membership and arithmetic over names and literals."""
    assert names_in(expression) == names


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("acc >", "'acc >' is no Python expression"),
        ("acc > 1\0", "is no Python expression"),
        ("f(acc)", "has a call, which 'when:' does not take"),
        ("a.b > 1", "has an attribute"),
        ("a[0]", "has an index"),
        ("a if b else c", "has a condition of its own"),
        ("(a := 1)", "has an assignment"),
        ("f'{a}'", "has a formatted text"),
        ("a ** b", "has a power"),
        ("{1: 2}", r"has more than a comparison \(Dict\)"),
        ("a == 1j", "has a literal that is no plain value"),
        ("a == b'x'", "has a literal that is no plain value"),
    ],
)
def test_names_in__not_allowed__says_what(expression: str, message: str) -> None:
    """What could do more than compute with plain values is refused."""
    with pytest.raises(GateSyntaxError, match=message):
        names_in(expression)


@pytest.mark.parametrize(
    ("expression", "values", "outcome"),
    [
        ("acc > 0.9", {"acc": 0.85}, Outcome(False, "when acc > 0.9: acc is 0.85")),
        ("acc > 0.9", {"acc": 0.95, "z": 1}, Outcome(True, "when acc > 0.9: acc is 0.95")),
        ("a and b", {"a": 1, "b": 0}, Outcome(False, "when a and b: a is 1, b is 0")),
        ("0 < a < 2", {"a": 1}, Outcome(True, "when 0 < a < 2: a is 1")),
        ("m == 'x'", {"m": "y"}, Outcome(False, "when m == 'x': m is 'y'")),
        ("'a' in t", {"t": "a" * 99}, Outcome(True, f"when 'a' in t: t is '{'a' * 56}...")),
        ("False", {}, Outcome(False, "when False")),
    ],
)
def test_evaluate_gate__values__decide(
    expression: str, values: dict[str, object], outcome: Outcome
) -> None:
    """The reason shows the expression with the values of its names."""
    assert evaluate_gate(expression, values) == outcome


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("acc > 1", {}, "when acc > 1: there is no number 'acc'"),
        ("1 / n > 1", {"n": 0}, "when 1 / n > 1: n is 0: ZeroDivisionError: division by zero"),
        ("a > 1", {"a": None}, "when a > 1: a is None: TypeError: '>' not supported"),
    ],
)
def test_evaluate_gate__not_these_values__says_why(
    expression: str, values: dict[str, object], message: str
) -> None:
    """A gate that cannot be told is neither open nor closed."""
    with pytest.raises(GateError, match=message):
        evaluate_gate(expression, values)
