"""Why one step comes after another, and what the codes of findings mean."""

import json
from collections.abc import Iterable
from pathlib import Path

from kernelpipe import analysis, notebook
from kernelpipe.api.documents import JsonObject, place_document
from kernelpipe.api.operations import PathLike
from kernelpipe.backends import rules as backend_rules
from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.model.explanation import Explanation, Reason
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import Rule, read_notebook

_GROUPS = {
    "KP1": "Tags, settings and files",
    "KP2": "Data flow",
    "KP3": "The graph",
    "KP4": "Where a pipeline runs",
}


def explain(path: PathLike, first: str, second: str) -> Explanation:
    """Return why step ``second`` comes after step ``first``, down to the lines.

    Raises:
        NotebookReadError: If the file is not a readable notebook.
        UsageError: If there is no such step.
    """
    pipeline, subject = analysis.analyse_steps(read_notebook(Path(path)))
    return analysis.explain_order(
        subject, pipeline, _step(pipeline, first), _step(pipeline, second)
    )


def _step(pipeline: Pipeline, name: str) -> StepName:
    names = [step.name for step in pipeline.steps]
    if name not in names:
        raise UsageError(
            f"there is no step '{name}' in {pipeline.path}",
            hint=did_you_mean(name, names) or f"the steps are: {', '.join(names) or 'none'}",
        )
    return StepName(name)


def explanation_document(explanation: Explanation) -> JsonObject:
    """Return an explanation; ``after`` says whether ``second`` comes after ``first``."""
    return {
        "first": explanation.first,
        "second": explanation.second,
        "after": bool(explanation.links) and not explanation.is_reversed,
        "reversed": explanation.is_reversed,
        "between": list(explanation.between),
        "links": [
            {
                "from": link.producer,
                "to": link.consumer,
                "reasons": [_reason_document(reason) for reason in link.reasons],
            }
            for link in explanation.links
        ],
    }


def _reason_document(reason: Reason) -> JsonObject:
    return {
        "kind": reason.kind.value,
        "name": reason.name,
        "text": reason.text,
        "through": list(reason.through),
        "places": [place_document(place) | {"text": text} for place, text in reason.places],
    }


def rules(codes: Iterable[str] = ()) -> tuple[Rule, ...]:
    """Return the rules with these codes, all of them if none is named, by code.

    Raises:
        UsageError: If there is no rule with one of the codes.
    """
    known = {rule.code: rule for rule in (*notebook.RULES, *analysis.RULES, *backend_rules.RULES)}
    wanted = [code.upper() for code in codes] or sorted(known)
    for code in wanted:
        if code not in known:
            raise UsageError(
                f"there is no page on the code '{code}'",
                hint=did_you_mean(code, known) or "'kernelpipe explain --all' shows all pages",
            )
    return tuple(known[code] for code in wanted)


def rule_document(rule: Rule) -> JsonObject:
    """Return all that a rule says of itself."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "why": rule.why,
        "bad": rule.bad,
        "good": rule.good,
    }


def rules_page(pages: Iterable[Rule]) -> str:
    """Return Markdown that says of each rule what it means, with a wrong and a right example."""
    lines = ["# The findings of kernelpipe", ""]
    group = ""
    for rule in pages:
        if rule.code[:3] != group:
            group = rule.code[:3]
            lines += [f"## {group}xx: {_GROUPS[group]}", ""]
        lines += ["#" + rule_page(rule), ""]
    return "\n".join(lines)


def rule_page(rule: Rule) -> str:
    """Return the Markdown page of one rule."""
    lines = [f"## {rule.code}: {rule.name} ({rule.severity.value})", "", rule.why]
    if rule.bad:
        lines += ["", "This gives it:", "", _example(rule.bad)]
        lines += ["", "This does not:", "", _example(rule.good)]
    return "\n".join(lines)


def _example(text: str) -> str:
    """Return an example as a block of code; a line ``# %% TAGS`` begins a cell."""
    if text.startswith("{"):
        return f"```json\n{json.dumps(json.loads(text), indent=1, ensure_ascii=False)}\n```"
    code = text.rstrip()
    return f"```python\n{code}\n```"
