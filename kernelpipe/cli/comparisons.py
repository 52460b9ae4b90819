"""Say in text what differs between two runs."""

from collections.abc import Iterator

from kernelpipe.cli.reports import table
from kernelpipe.runs.comparing import (
    ABSENT,
    Comparison,
    MetricChange,
    OutputChange,
    ValueChange,
    cell_words,
    file_word,
    shown_path,
)
from kernelpipe.runs.wording import number

_DIGEST = 12
_NONE = "(none)"


def describe_comparison(comparison: Comparison, *, source: str) -> str:
    """Return what differs, part by part.

    Args:
        comparison: Of two runs.
        source: The later one's notebook; files beside it are named from there.
    """
    lines = [f"run {comparison.before} -> run {comparison.after}"]
    lines += [
        f"{change.name}: {change.before} -> {change.after}"
        for change in (comparison.source, comparison.state)
        if change is not None
    ]
    lines += _part("steps", comparison.steps)
    lines += _part("parameters", comparison.parameters)
    lines += _code(comparison)
    lines += _files(comparison, source)
    lines += _part("packages", comparison.packages)
    lines += _part("versions", comparison.versions)
    if comparison.metrics:
        lines += ["metrics:", *table(_metric_row(change) for change in comparison.metrics)]
    lines += _outputs(comparison)
    if comparison.is_empty:
        lines.append("nothing differs")
    if comparison.unknown:
        lines += ["not compared:", *(f"  {text}" for text in comparison.unknown)]
    return "\n".join(lines)


def _part(title: str, changes: tuple[ValueChange, ...]) -> list[str]:
    rows = [(c.name, f"{c.before or _NONE} -> {c.after or _NONE}") for c in changes]
    return [f"{title}:", *table(rows)] if rows else []


def _code(comparison: Comparison) -> Iterator[str]:
    if comparison.cells:
        yield "code:"
    for cell in comparison.cells:
        yield f"  {', '.join(cell_words(cell))}"
        yield from _indented(cell.diff)


def _files(comparison: Comparison, source: str) -> list[str]:
    rows = [
        (
            shown_path(change.name, source),
            file_word(change),
            f"{_digests(change.before)} -> {_digests(change.after)}",
        )
        for change in comparison.files
    ]
    return ["data files:", *table(rows)] if rows else []


def _digests(text: str | None) -> str:
    """Return the beginnings of digests, those of directories too."""
    if text is None:
        return _NONE
    return ", ".join(
        digest if digest == ABSENT else digest.removeprefix("dir:")[:_DIGEST]
        for digest in text.split(", ")
    )


def _metric_row(change: MetricChange) -> tuple[str, str, str]:
    before, after = (
        _NONE if value is None else number(value) for value in (change.before, change.after)
    )
    delta, percent = change.delta, change.percent
    more = "" if delta is None else f"{'+' if delta >= 0 else ''}{number(delta)}"
    if percent is not None:
        more += f" ({percent:+.3g} %)"
    return change.name, f"{before} -> {after}", more


def _outputs(comparison: Comparison) -> Iterator[str]:
    if comparison.outputs:
        yield "outputs:"
    for change in comparison.outputs:
        yield f"  cell {change.after}{_differing_kinds(change)}"
        yield from _indented(change.diff)


def _differing_kinds(change: OutputChange) -> str:
    words = ["image" if kind.startswith("image/") else kind for kind in change.kinds]
    return f": {', '.join(dict.fromkeys(words))} differs" if words else ""


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"    {line}"
