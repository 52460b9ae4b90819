"""The part of the report that tells what differs from another run."""

from collections.abc import Iterator, Sequence

from kernelpipe.api.reporting.markup import Html, join, tag
from kernelpipe.runs.comparing import (
    CellChange,
    Comparison,
    OutputChange,
    ValueChange,
    cell_words,
    file_word,
    shown_path,
)

_NONE = "(none)"


def differences_html(comparison: Comparison, *, source: str) -> Html:
    """Return what differs, part by part; files beside the notebook ``source`` are named so."""
    values = (
        ("Run", (comparison.source, comparison.state)),
        ("Steps", comparison.steps),
        ("Parameters", comparison.parameters),
        ("Packages", comparison.packages),
        ("Versions", comparison.versions),
    )
    parts: list[Html] = []
    for title, changes in values:
        parts += _values(title, [change for change in changes if change is not None])
    if comparison.cells:
        parts += [tag("h3", "Code"), *map(_cell, comparison.cells)]
    if comparison.files:
        parts.append(tag("h3", "Data files"))
        words = (f"{shown_path(c.name, source)} {file_word(c)}" for c in comparison.files)
        parts.append(tag("ul", *(tag("li", text) for text in words)))
    if comparison.outputs:
        parts += [tag("h3", "Outputs"), *map(_output, comparison.outputs)]
    if comparison.is_empty and not comparison.metrics:
        parts.append(tag("p", "Nothing differs."))
    if comparison.unknown:
        parts.append(tag("h3", "Not compared"))
        parts.append(tag("ul", *(tag("li", text) for text in comparison.unknown)))
    return join(parts)


def _values(title: str, changes: Sequence[ValueChange]) -> Iterator[Html]:
    if changes:
        yield tag("h3", title)
        yield tag(
            "ul",
            *(
                tag("li", f"{c.name}: ", tag("del", c.before or _NONE), " \u2192 ", _after(c))
                for c in changes
            ),
        )


def _after(change: ValueChange) -> Html:
    return tag("ins", change.after or _NONE)


def _cell(cell: CellChange) -> Html:
    return _folded(", ".join(cell_words(cell)), cell.diff)


def _output(change: OutputChange) -> Html:
    kinds = ["image" if kind.startswith("image/") else kind for kind in change.kinds]
    words = f": {', '.join(dict.fromkeys(kinds))} differs" if kinds else ""
    return _folded(f"cell {change.after}{words}", change.diff)


def _folded(title: str, diff: str) -> Html:
    if not diff:
        return tag("p", title)
    return tag(
        "details", tag("summary", title), tag("pre", *_coloured(diff), class_="diff"), open=True
    )


def _coloured(diff: str) -> Iterator[str]:
    for line in diff.split("\n"):
        if line.startswith(("+", "-")):
            yield tag("ins" if line[0] == "+" else "del", line)
            yield "\n"
        else:
            yield f"{line}\n"
