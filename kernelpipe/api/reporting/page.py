"""Puts the report of a run together: one page, without scripts, that loads nothing."""

from collections.abc import Iterator

from kernelpipe.api.reporting import sections
from kernelpipe.api.reporting.content import ReportContent
from kernelpipe.api.reporting.differences import differences_html
from kernelpipe.api.reporting.markup import Html, escape, join, tag
from kernelpipe.api.reporting.outputs import outputs_html
from kernelpipe.api.reporting.style import CSS
from kernelpipe.runs.notebooks import RecordedCell

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render(content: ReportContent) -> str:
    """Return the page."""
    parts = list(_parts(content))
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title, _ in parts]
    body = tag(
        "body",
        sections.overview(content),
        tag("nav", tag("ul", *links), aria_label="Parts of the report"),
        tag(
            "main",
            sections.failures(content),
            *(
                tag(
                    "section",
                    tag("h2", title, id=f"{name}-title"),
                    inner,
                    id=name,
                    aria_labelledby=f"{name}-title",
                )
                for name, title, inner in parts
            ),
        ),
        tag("footer", tag("p", f"Written by kernelpipe about run {content.run.id}.")),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{content.run.pipeline} {content.run.state.value} {content.run.id}"),
        tag("style", Html(CSS)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _parts(content: ReportContent) -> Iterator[tuple[str, str, Html]]:
    """Yield the id, title and content of each part that has something to tell."""
    candidates = [
        ("graph", "Graph", sections.graph(content)),
        ("steps", "Steps", sections.steps(content)),
        ("timeline", "Timeline", sections.timeline(content)),
        ("parameters", "Parameters", sections.parameters(content)),
        ("metrics", "Metrics", sections.metrics(content)),
        ("files", "Data files", sections.files(content)),
    ]
    if content.comparison is not None and content.other is not None:
        other = content.other
        title = f"Difference from run {other.id}"
        inner = differences_html(content.comparison, source=content.run.source)
        candidates.append(("differences", title, inner))
    candidates.append(("outputs", "Cells and outputs", _cells(content)))
    candidates.append(("packages", "Packages", sections.packages(content)))
    yield from (candidate for candidate in candidates if candidate[2])


def _cells(content: ReportContent) -> Html:
    by_index = {cell.index: cell for cell in content.cells or () if cell.kind == "code"}
    setup, own = _places(content)
    parts = []
    if content.cells is None:
        parts.append(tag("p", "The run's notebook cannot be read any more."))
    if setup:
        parts.append(_group("setup", "Setup", "", [by_index[i] for i in setup if i in by_index]))
    for step in content.run.steps:
        cells = [by_index[i] for i in own.get(step.name, ()) if i in by_index]
        remark = step.state.value + (", found" if step.is_cached else "")
        parts.append(_group(sections.anchor(content.run, step), step.name, remark, cells))
    placed = {*setup, *(index for indexes in own.values() for index in indexes)}
    rest = [cell for index, cell in by_index.items() if index not in placed]
    if rest:
        parts.append(_group("other-cells", "In no step", "", rest))
    return join(parts)


def _places(content: ReportContent) -> tuple[list[int], dict[str, list[int]]]:
    """Return the indexes of setup cells, and those of each step's own cells."""
    if content.pipeline is None:
        return [], {}
    setup = sorted({s.cell.index for step in content.pipeline.steps for s in step.setup})
    own = {
        str(step.name): sorted(cell.index for cell in (*step.cells, *step.tests))
        for step in content.pipeline.steps
    }
    return setup, own


def _group(name: str, title: str, remark: str, cells: list[RecordedCell]) -> Html:
    heading = tag("h3", title, tag("span", f" {remark}", class_="note"), id=f"{name}-title")
    inner = [_cell(cell) for cell in cells] or [tag("p", "No cells are known.", class_="note")]
    return tag("section", heading, *inner, id=name, aria_labelledby=f"{name}-title", class_="step")


def _cell(cell: RecordedCell) -> Html:
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    ran = "" if cell.execution_count is not None else " (did not run)"
    source = tag(
        "details",
        tag("summary", tag("b", f"cell {cell.index}{ran}"), " ", tag("code", first[:80])),
        tag("pre", escape(cell.source), class_="source", tabindex=0),
    )
    outputs = outputs_html(cell.outputs, cell_index=cell.index)
    return tag("div", source, outputs, class_="cell", id=f"cell-{cell.index}")
