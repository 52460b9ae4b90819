"""Says in the user's words what differs between two runs."""

from collections.abc import Iterator
from dataclasses import dataclass

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
from kernelpipe.runs.wording import number, table

_DIGEST = 12
_NONE = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What differs in one respect; the lines of a diff are indented below the line they explain."""

    title: str
    lines: tuple[str, ...]


def comparison_sections(comparison: Comparison, *, source: str) -> tuple[Section, ...]:
    """Return what differs, respect by respect, without those in which nothing does.

    Args:
        comparison: Of two runs.
        source: The later one's notebook; files beside it are named from there.
    """
    changes = [each for each in (comparison.source, comparison.state) if each is not None]
    parts = [
        *((change.name, [f"{change.before} -> {change.after}"]) for change in changes),
        ("steps", _values(comparison.steps)),
        ("parameters", _values(comparison.parameters)),
        ("code", list(_code(comparison))),
        ("data files", _files(comparison, source)),
        ("packages", _values(comparison.packages)),
        ("versions", _values(comparison.versions)),
        ("metrics", table(map(_metric_row, comparison.metrics), indent="")),
        ("outputs", list(_outputs(comparison))),
        ("not compared", list(comparison.unknown)),
    ]
    return tuple(Section(title=title, lines=tuple(lines)) for title, lines in parts if lines)


def _values(changes: tuple[ValueChange, ...]) -> list[str]:
    rows = [(c.name, f"{c.before or _NONE} -> {c.after or _NONE}") for c in changes]
    return table(rows, indent="")


def _code(comparison: Comparison) -> Iterator[str]:
    for cell in comparison.cells:
        yield ", ".join(cell_words(cell))
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
    return table(rows, indent="")


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
    for change in comparison.outputs:
        yield f"cell {change.after}{_differing_kinds(change)}"
        yield from _indented(change.diff)


def _differing_kinds(change: OutputChange) -> str:
    words = ["image" if kind.startswith("image/") else kind for kind in change.kinds]
    return f": {', '.join(dict.fromkeys(words))} differs" if words else ""


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"  {line}"
