"""The rules of reading and of tags, held against their own examples."""

import pytest
from percent import notebook_of

from kernelpipe.model.notebook import Notebook
from kernelpipe.notebook import RULES, Rule, parse_notebook

IDS = [rule.code for rule in RULES]


def _read(example: str | bytes) -> Notebook:
    if isinstance(example, bytes):
        return parse_notebook(example, path="test.ipynb")
    if example.lstrip().startswith("{"):
        encoding = "latin-1" if "\xe9" in example else "utf-8"
        return parse_notebook(example.encode(encoding, "surrogatepass"), path="test.ipynb")
    return notebook_of(example)


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_rule__bad_example__is_found(rule: Rule) -> None:
    """A rule's bad example shows just what the rule is about."""
    found = {d.code: d.severity for d in _read(rule.bad).diagnostics}

    assert found.get(rule.code) is rule.severity


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_rule__good_example__is_not_found(rule: Rule) -> None:
    """A rule's good example has no finding of that rule."""
    assert rule.code not in {d.code for d in _read(rule.good).diagnostics}


def test_rules__codes__are_unique() -> None:
    """Codes never change meaning, so two rules cannot share one."""
    assert len(set(IDS)) == len(IDS)
