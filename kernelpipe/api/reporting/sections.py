"""The parts of the report that tell facts: the run, its steps, what it used, what it measured."""

import json
import time
from collections.abc import Iterator, Sequence

from kernelpipe.api.reporting.content import ReportContent
from kernelpipe.api.reporting.graph import Node, draw_graph
from kernelpipe.api.reporting.markup import Html, join, table, tag
from kernelpipe.api.reporting.timeline import Span, draw_timeline
from kernelpipe.model.location import Location
from kernelpipe.model.run import Run, RunState, StepFacts, StepRun, items_of, parts_of
from kernelpipe.runs.comparing import MetricChange, files_read, shown_path
from kernelpipe.runs.wording import duration, number, size

_FOUND = "found"
_MOST_LABELS = 6


def overview(content: ReportContent) -> Html:
    """Return the heading with the state, and when, where and with what it was run."""
    run, facts = content.run, content.facts
    rows: list[tuple[str, str]] = [
        ("run", tag("code", run.id)),
        ("started", _time(run.started_at)),
    ]
    if run.duration_s is not None:
        rows.append(("took", duration(run.duration_s)))
    rows.append(("notebook", tag("code", run.source)))
    if "git_commit" in facts:
        changes = ", with uncommitted changes" if facts.get("git_is_dirty") else ""
        rows.append(("git commit", join((tag("code", facts["git_commit"]), changes))))
    for title, key in (("kernelpipe", "version"), ("Python", "python")):
        if key in facts:
            rows.append((title, str(facts[key])))  # type: ignore[literal-required]  # both are keys
    if "resumes" in facts:
        rows.append(("continues run", tag("code", facts["resumes"])))
    if "batch" in facts:
        rows.append(("batch", f"{facts['batch']}, point {facts.get('point', '?')}"))
    if content.other is not None:
        other = content.other
        rows.append(("compared with", join((tag("code", other.id), f" ({other.state.value})"))))
    terms = (join((tag("dt", title), tag("dd", value))) for title, value in rows)
    return tag(
        "header",
        tag("h1", run.pipeline, " ", _state(run.state.value)),
        tag("p", run.reason, class_="reason") if run.reason else Html(""),
        tag("dl", *terms),
    )


def failures(content: ReportContent) -> Html:
    """Return a list of what went wrong, "" if nothing did."""
    items = [
        tag("li", tag("a", f"step '{step.name}'", href=f"#{anchor(content.run, step)}"), _why(step))
        for step in content.run.steps
        if step.state is RunState.FAILED
    ]
    if not items:
        return Html("")
    return tag("section", tag("ul", *items), class_="failures", aria_label="What failed")


def _why(step: StepRun) -> str:
    error = step.error
    if error is None:
        return f" failed: {step.reason or 'it ended early'}"
    place = str(Location(path="", cell_index=error.cell_index, line=error.line))
    return f" failed{' at' if place else ''}{place}: {error.ename}: {error.evalue}"


def anchor(run: Run, step: StepRun) -> str:
    """Return the id of a step's section."""
    return f"step-{run.steps.index(step) + 1}"


def graph(content: ReportContent) -> Html:
    """Return the drawing of the steps and what flows between them."""
    run, pipeline = content.run, content.pipeline
    if pipeline is None:
        return tag("p", "The run's notebook cannot be read any more: there is no graph.")
    after = {step.name: step.after for step in pipeline.steps}
    nodes = [
        Node(
            name=step.name,
            anchor=anchor(run, step),
            state=step.state.value,
            note=_FOUND if step.is_cached else duration(step.duration_s),
            after=after.get(step.name, ()),
        )
        for step in run.steps
    ]
    labels = {
        (str(edge.producer), str(edge.consumer)): _listed(edge.names)
        for edge in pipeline.edges
        if edge.names
    }
    return tag("div", draw_graph(nodes, labels=labels), class_="scroll") if nodes else Html("")


def _listed(names: Sequence[str]) -> str:
    """Return the first of the names that flow, hidden interpreter state ("@random") in words."""
    texts = [f"state of {name[1:]}" if name.startswith("@") else name for name in names]
    more = len(texts) - _MOST_LABELS
    return ", ".join([*texts[:_MOST_LABELS], *([f"{more} more"] if more > 0 else [])])


def steps(content: ReportContent) -> Html:
    """Return the table of steps."""
    after = {s.name: s.after for s in content.pipeline.steps} if content.pipeline else {}
    rows = []
    for step in content.run.steps:
        place = anchor(content.run, step)
        rows.append(_step_row(step, place, after.get(step.name, ())))
        for text, part in items_of(step):
            row = _step_row(part, place, ())
            rows.append((f"{part.name}: {text}", *row[1:]))
    titles = ("step", "state", "result", "wall time", "CPU", "peak memory", "attempts", "after")
    return table((*titles, "remark"), rows, caption="Steps in pipeline order")


def _step_row(step: StepRun, target: str, after: Sequence[str]) -> tuple[str, ...]:
    facts: StepFacts = json.loads(step.facts)
    result = "ran" if step.duration_s is not None else ""
    if step.is_cached:
        result = _FOUND + (f", ran in run {facts['made_in']}" if "made_in" in facts else "")
    return (
        tag("a", step.name, href=f"#{target}"),
        _state(step.state.value),
        result,
        duration(step.duration_s),
        duration(facts.get("cpu_s")),
        size(facts.get("peak_bytes")),
        str(facts.get("attempts", "")),
        ", ".join(after),
        f"{step.error.ename}: {step.error.evalue}" if step.error else step.reason or "",
    )


def timeline(content: ReportContent) -> Html:
    """Return when steps ran, "" if that was not recorded."""
    spans = []
    parts = [part for step in content.run.steps for part in parts_of(step)]
    for step in (part for part in parts if not part.is_cached):
        started_s = json.loads(step.facts).get("started_s")
        if started_s is not None and step.duration_s is not None:
            spans.append(
                Span(
                    name=step.name,
                    state=step.state.value,
                    started_s=started_s,
                    duration_s=step.duration_s,
                )
            )
    if not spans:
        return Html("")
    return tag("div", draw_timeline(spans, total_s=content.run.duration_s), class_="scroll")


def parameters(content: ReportContent) -> Html:
    """Return the parameters and where they came from, "" if there are none."""
    values: dict[str, object] = json.loads(content.run.parameters)
    given = content.facts.get("given")
    rows = [
        (
            name,
            tag("code", json.dumps(value, ensure_ascii=False)),
            "not recorded" if given is None else "given" if name in given else "default",
        )
        for name, value in values.items()
    ]
    titles = ("parameter", "value", "from")
    return table(titles, rows, caption="Values of the parameters") if rows else Html("")


def metrics(content: ReportContent) -> Html:
    """Return the metrics, with their change against the other run; "" if there are none."""
    run, other = content.run, content.other
    if not run.metrics:
        return Html("")
    if other is None:
        rows: list[tuple[str, ...]] = [(m.name, number(m.value)) for m in run.metrics]
        return table(("metric", "value"), rows, caption="Metrics of the run")
    before = {metric.name: metric.value for metric in other.metrics}
    rows = [
        (
            metric.name,
            number(metric.value),
            number(before[metric.name]) if metric.name in before else "",
            _metric_change(metric.name, before.get(metric.name), metric.value),
        )
        for metric in run.metrics
    ]
    titles = ("metric", "value", f"in run {other.id}", "change")
    return table(titles, rows, caption="Metrics of the run and of the one it is compared with")


def _metric_change(name: str, before: float | None, after: float) -> str:
    change = MetricChange(name=name, before=before, after=after)
    if change.delta is None:
        return ""
    percent = "" if change.percent is None else f" ({change.percent:+.3g} %)"
    return f"{'+' if change.delta >= 0 else ''}{number(change.delta)}{percent}"


def files(content: ReportContent) -> Html:
    """Return the files that steps read, "" if there are none."""
    rows = [
        (shown_path(path, content.run.source), join(_digest_lines(digests)))
        for path, digests in files_read(content.run).items()
    ]
    titles = ("file", "SHA-256 of what was read")
    return table(titles, rows, caption="Data files that steps read") if rows else Html("")


def _digest_lines(digests: Sequence[str]) -> Iterator[Html]:
    for digest in digests:
        text = digest.removeprefix("dir:")
        what = " (names in the folder)" if digest.startswith("dir:") else ""
        yield tag("div", tag("code", text, class_="digest"), what)


def packages(content: ReportContent) -> Html:
    """Return the versions of the packages that the steps import, "" if they were not recorded."""
    found = content.facts.get("packages") or {}
    rows = sorted(found.items(), key=lambda item: item[0].lower())
    titles = ("package", "version")
    return table(titles, rows, caption="Versions of packages") if rows else Html("")


def _state(word: str) -> Html:
    return tag("span", word, class_=f"state {word}")


def _time(seconds: float) -> Html:
    moment = time.gmtime(seconds)
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", moment)
    return tag("time", text, datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment))
