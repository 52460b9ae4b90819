"""Whether two texts say the same: near numbers do, moments of the runs and durations may."""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?![\w])")
_BLANKS: Final = re.compile(r"[ \t]+")
_DURATION: Final = re.compile(
    r"\b\d+(?:\.\d+)?(?:e[-+]?\d+)?(\s{0,2})"
    r"(s|secs?|seconds?|ms|msecs?|milliseconds?|µs|us|ns|mins?|minutes?)\b"
)
_MOMENTS: Final = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d\b"), "%Y-%m-%d %H:%M"),
    (
        re.compile(r"\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\b"),
        "%a %b %d %H:%M:%S %Y",
    ),
    (re.compile(r"\b\d\d/\d\d/\d{4},? \d\d:\d\d:\d\d"), "%d/%m/%Y %H:%M:%S"),
    (re.compile(r"\b\d\d/\d\d/\d{4},? \d\d:\d\d:\d\d"), "%m/%d/%Y %H:%M:%S"),
    (re.compile(r"(?<!\d)\d{8}[-_T]?\d{6}(?!\d)"), "%Y%m%d%H%M%S"),
    (re.compile(r"\bdatetime\.datetime\(\d+(?:, \d+){4,6}\)"), "datetime"),
    (re.compile(r"(?<!\d[T ])(?<!:)\b\d\d:\d\d:\d\d\b"), "%H:%M:%S"),
    (re.compile(r"\b\d{10}\b"), "epoch"),
)
"""How moments are written, and how that is read."""
_FRACTION: Final = re.compile(r"(<now>)(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?")
_MARGIN_S: Final = 61.0
_DAY_S: Final = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What is forgiven when texts are compared.

    ``relative`` is how far numbers with a fraction may be from each other, as a part of them; zero
    asks for the same digits. ``between`` is the time, in seconds since the epoch, in which both
    runs took place: moments in it are "now". With ``are_durations_masked`` amounts with a unit of
    time are not compared: the notebook measures how long it takes.
    """

    relative: float = 0.0
    between: tuple[float, float] | None = None
    are_durations_masked: bool = False


def same_texts(left: str, right: str, tolerance: Tolerance) -> bool:
    """Tell whether two texts say the same."""
    if left == right:
        return True
    one, other = (_masked(text, tolerance) for text in (left, right))
    if one == other:
        return True
    if not tolerance.relative:
        return False
    between = [_BLANKS.sub(" ", _NUMBER.sub("\0", text)) for text in (one, other)]
    if between[0] != between[1]:
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(_same_numbers(*pair, tolerance.relative) for pair in pairs)


def _same_numbers(left: str, right: str, relative: float) -> bool:
    """Tell whether two numbers are the same; those written as whole ones must be equal.

    One number that is written in two ways is not the same text.
    """
    if left == right:
        return True
    if not all(any(c in text for c in ".eE") for text in (left, right)):
        return False
    one, other = float(left), float(right)
    return one != other and math.isclose(one, other, rel_tol=relative, abs_tol=relative * relative)


def _masked(text: str, tolerance: Tolerance) -> str:
    if tolerance.between is not None:
        text = _without_now(text, *tolerance.between)
    if tolerance.are_durations_masked:
        text = _DURATION.sub(r"<duration>\1\2", text)
    return text


def _without_now(text: str, begin: float, end: float) -> str:
    """Replace moments in which the runs took place, in local time or UTC."""
    for pattern, layout in _MOMENTS:

        def replaced(found: re.Match[str], layout: str = layout) -> str:
            is_now = any(
                begin - _MARGIN_S <= moment <= end + _MARGIN_S
                for moment in _moments(found[0], layout, begin)
            )
            return "<now>" if is_now else found[0]

        text = pattern.sub(replaced, text)
    return _FRACTION.sub("<now>", text)


def _moments(text: str, layout: str, begin: float) -> Iterator[float]:
    """Yield what a moment may be in seconds since the epoch: as local time, as UTC."""
    try:
        if layout == "epoch":
            yield float(text)
            return
        if layout == "datetime":
            numbers = [int(number) for number in re.findall(r"\d+", text)]
            naive = datetime(*numbers[:6])  # type: ignore[arg-type]  # noqa: DTZ001 - as it is written
        elif layout == "%Y%m%d%H%M%S":
            naive = datetime.strptime(re.sub(r"\D", "", text), layout)  # noqa: DTZ007 - likewise
        else:
            plain = text.replace("T", " ", 1) if layout.startswith("%Y") else text
            naive = datetime.strptime(plain.replace(",", ""), layout)  # noqa: DTZ007 - likewise
    except (ValueError, TypeError):
        return
    for each in (naive, naive.replace(tzinfo=UTC)):
        if layout == "%H:%M:%S":
            day = time.localtime(begin) if each.tzinfo is None else time.gmtime(begin)
            moment = each.replace(year=day.tm_year, month=day.tm_mon, day=day.tm_mday).timestamp()
            yield from (moment, moment + _DAY_S)
        else:
            yield each.timestamp()
