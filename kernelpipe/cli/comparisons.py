"""Prints what differs between two runs."""

from kernelpipe.runs.comparing import Comparison
from kernelpipe.runs.comparison_text import comparison_sections

_ONE_LINERS = ("notebook", "run")


def describe_comparison(comparison: Comparison, *, source: str) -> str:
    """Return what differs, part by part.

    Args:
        comparison: Of two runs.
        source: The later one's notebook; files beside it are named from there.
    """
    lines = [f"run {comparison.before} -> run {comparison.after}"]
    for section in comparison_sections(comparison, source=source):
        if section.title == "not compared" and comparison.is_empty:
            lines.append("nothing differs")
        if section.title in _ONE_LINERS:
            lines.append(f"{section.title}: {section.lines[0]}")
        else:
            lines += [f"{section.title}:", *(f"  {line}" for line in section.lines)]
    if comparison.is_empty and not comparison.unknown:
        lines.append("nothing differs")
    return "\n".join(lines)
