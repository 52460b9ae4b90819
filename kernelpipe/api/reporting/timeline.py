"""Draws when the steps of a run were at work, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from kernelpipe.api.reporting.markup import Html, tag
from kernelpipe.runs.wording import duration

_WIDTH, _ROW = 800, 24
_NAMES, _TIMES = 170, 80
_NAME_LENGTH = 22
_LEAST_BAR = 2.0
_LEAST_TOTAL_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A step at work, in seconds after the run's start; ``state`` is also a CSS class."""

    name: str
    state: str
    started_s: float
    duration_s: float


def draw_timeline(spans: Sequence[Span], *, total_s: float | None) -> Html:
    """Return a bar per step on one scale, that of the whole run."""
    ends = (span.started_s + span.duration_s for span in spans)
    whole_s = max(_LEAST_TOTAL_S, total_s or 0.0, *ends)
    scale = (_WIDTH - _NAMES - _TIMES) / whole_s
    height = len(spans) * _ROW + 4
    return tag(
        "svg",
        *(part for row, span in enumerate(spans) for part in _bar(span, row, scale)),
        viewBox=f"0 0 {_WIDTH} {height}",
        width=_WIDTH,
        height=height,
        role="img",
        aria_label=f"When each step ran, within {duration(whole_s)}",
        class_="timeline",
    )


def _bar(span: Span, row: int, scale: float) -> tuple[Html, Html, Html]:
    x = _NAMES + span.started_s * scale
    width = max(_LEAST_BAR, span.duration_s * scale)
    y = row * _ROW + 2
    name = span.name
    if len(name) > _NAME_LENGTH:
        name = f"{name[: _NAME_LENGTH - 1]}\u2026"
    start = duration(span.started_s)
    title = f"{span.name}: {span.state}, from {start}, for {duration(span.duration_s)}"
    return (
        tag("text", name, x=0, y=y + 15),
        tag(
            "rect",
            tag("title", title),
            x=f"{x:.1f}",
            y=y + 2,
            width=f"{width:.1f}",
            height=_ROW - 8,
            rx=3,
            class_=f"bar {span.state}",
        ),
        tag("text", duration(span.duration_s), x=f"{x + width + 6:.1f}", y=y + 15),
    )
