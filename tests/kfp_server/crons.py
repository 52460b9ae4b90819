"""Cron expressions as KFP's scheduler reads them: robfig/cron 1, seconds first.

The last of the six fields may be left out. So a crontab line of five fields is accepted, but its
minutes are taken for seconds: ``0 3 * * *`` fires each hour, at three minutes past.
"""

import re
from dataclasses import dataclass

from kfp_server.refusals import invalid

_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {
    4: {name: i + 1 for i, name in enumerate(_MONTHS)},
    5: {n: i for i, n in enumerate(_DAYS)},
}
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}


@dataclass(frozen=True, kw_only=True)
class Cron:
    """When it fires: the values of each field, seconds first; stars are fields written as one."""

    fields: tuple[frozenset[int], ...]
    stars: tuple[bool, ...]

    def fires(self, *, month: int, day: int, weekday: int, hour: int, minute: int) -> bool:
        """Tell whether it fires in that minute; ``weekday`` counts from Sunday, 0."""
        if not (hour in self.fields[2] and minute in self.fields[1] and month in self.fields[4]):
            return False
        in_days, in_week = day in self.fields[3], weekday in self.fields[5]
        if self.stars[3] or self.stars[5]:
            return in_days and in_week
        return in_days or in_week


def parse(text: str) -> Cron:
    """Return what ``text`` means to the scheduler; refuse what it refuses."""
    words = _DESCRIPTORS.get(text.strip().lower(), text).split()
    if not 5 <= len(words) <= 6:
        raise _bad(f"Expected 5 to 6 fields, found {len(words)}: {text}")
    words += ["*"] * (6 - len(words))
    parsed = [_field(word, index) for index, word in enumerate(words)]
    return Cron(fields=tuple(each for each, _ in parsed), stars=tuple(star for _, star in parsed))


def _field(word: str, index: int) -> tuple[frozenset[int], bool]:
    values: set[int] = set()
    is_star = False
    for part in word.split(","):
        found, star = _range(part, index)
        values |= found
        is_star = is_star or star
    return frozenset(values), is_star


def _range(part: str, index: int) -> tuple[set[int], bool]:
    low, high = _BOUNDS[index]
    span, _, step_text = part.partition("/")
    first_text, dash, last_text = span.partition("-")
    is_star = first_text in {"*", "?"}
    if is_star:
        first, last = low, high
    else:
        first = _number(first_text, index)
        last = _number(last_text, index) if dash else first
        if step_text and not dash:
            last = high
    step = int(step_text) if step_text.isdecimal() else 0 if "/" in part else 1
    if first < low or last > high or first > last or step == 0:
        raise _bad(f"range or step out of bounds: {part}")
    return set(range(first, last + 1, step)), is_star


def _number(text: str, index: int) -> int:
    named = _NAMES.get(index, {}).get(text.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"\d+", text):
        raise _bad(f"Failed to parse int from {text}")
    return int(text)


def _bad(why: str) -> Exception:
    return invalid(f"Schedule cron is not a supported format (robfig/cron). Error: {why}")
