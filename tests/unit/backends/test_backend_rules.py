"""The rules of backends: each finds its own bad example and leaves its good one alone."""

import re
from pathlib import Path

import pytest
from percent import pipeline_of

from kernelpipe.backends import kfp
from kernelpipe.backends.rules import RULES
from kernelpipe.compiler import lower
from kernelpipe.notebook import Rule

SHOWN = [pytest.param(rule, id=rule.code) for rule in RULES if rule.bad]
SOURCES = Path(kfp.__file__).parents[1]


def _found(text: str) -> dict[str, str]:
    pipeline = pipeline_of(text)
    assert pipeline.errors() == ()
    return {d.code: d.severity.value for d in kfp.check_pipeline(pipeline, lower(pipeline))}


@pytest.mark.parametrize("rule", SHOWN)
def test_rule__bad_example__is_found(rule: Rule) -> None:
    """A rule's bad example shows just what the rule is about."""
    assert _found(rule.bad) == {rule.code: rule.severity.value}


@pytest.mark.parametrize("rule", SHOWN)
def test_rule__good_example__is_not_found(rule: Rule) -> None:
    """A rule's good example has no finding at all."""
    assert _found(rule.good) == {}


def test_rules__codes_of_backends__have_pages() -> None:
    """Whoever meets a code can look it up."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py")]
    codes = {code for text in texts for code in re.findall(r"\"(KP4\d\d)\"", text)}

    assert sorted(codes) == [rule.code for rule in RULES]
