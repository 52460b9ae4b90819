"""The rules of analysis: each finds its own bad example and leaves its good one alone."""

import pytest
from percent import pipeline_of

from kernelpipe.analysis import RULES
from kernelpipe.notebook import Rule

IDS = [rule.code for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_rule__bad_example__is_found(rule: Rule) -> None:
    """A rule's bad example shows just what the rule is about."""
    found = {d.code: d.severity for d in pipeline_of(rule.bad).diagnostics}

    assert found.get(rule.code) is rule.severity


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_rule__good_example__is_not_found(rule: Rule) -> None:
    """A rule's good example has no finding of that rule, and no error at all."""
    pipeline = pipeline_of(rule.good)

    assert rule.code not in {d.code for d in pipeline.diagnostics}
    assert pipeline.errors() == ()


def test_rules__codes__are_unique() -> None:
    """Codes never change meaning, so two rules cannot share one."""
    assert len(set(IDS)) == len(IDS)
