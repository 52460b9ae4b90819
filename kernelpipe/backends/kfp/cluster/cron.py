"""Five-field cron lines, as people know them, for KFP's scheduler, which has six.

KFP puts seconds first and lets the last field be left out, so that a crontab line is accepted and
means something else: ``0 3 * * *`` would fire each hour, at three minutes past. It has no day 7,
and spans of days cannot go beyond Saturday.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kernelpipe.errors import UsageError, did_you_mean

_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SUNDAY: Final = 7
_FIELDS: Final = 5
_SHOWN: Final = 60
_SHORTHANDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FORM: Final = (
    "write minute, hour, day of month, month and day of week, for example '0 3 * * *' for 03:00 "
    "each day or '*/15 8-17 * * MON-FRI'"
)
_STARS: Final = ("*", "*/1")
_QUESTION: Final = ("day of month", "day of week")
"""Fields in which '?' stands for '*', as in other schedulers than cron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One of the five fields; ``highest`` is what may be written, see :data:`_SUNDAY`."""

    name: str
    lowest: int
    highest: int
    names: Mapping[str, int]


_KINDS: Final = (
    _Kind(name="minute", lowest=0, highest=59, names={}),
    _Kind(name="hour", lowest=0, highest=23, names={}),
    _Kind(name="day of month", lowest=1, highest=31, names={}),
    _Kind(
        name="month",
        lowest=1,
        highest=12,
        names={name: index for index, name in enumerate(_MONTHS, start=1)},
    ),
    _Kind(
        name="day of week",
        lowest=0,
        highest=_SUNDAY,
        names={name: index for index, name in enumerate(_DAYS)},
    ),
)
_WEEKDAY: Final = _KINDS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field that was read: its text for KFP, and the values that it stands for."""

    text: str
    values: frozenset[int]
    is_star: bool = False
    is_stepped_star: bool = False
    """Whether '*/' occurs in it: to some schedulers such a field is a star, to others it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFields:
    """When a crontab line fires; ``days`` and ``weekdays`` are None for every one."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    """Sunday is 0."""


def six_fields(line: str) -> str:
    """Return the expression for KFP's scheduler that fires when the crontab line ``line`` does.

    Names, lists, spans, steps and ``@daily`` and the like are read; 7 is Sunday.

    Raises:
        UsageError: If it is no such line, can never fire, or schedulers differ on what it means.
    """
    return " ".join(("0", *(each.text for each in _fields(line))))


def cron_fields(line: str) -> CronFields:
    """Return when the crontab line ``line`` fires; it is read as by :func:`six_fields`."""
    minute, hour, day, month, weekday = _fields(line)
    return CronFields(
        minutes=minute.values,
        hours=hour.values,
        days=None if day.is_star else day.values,
        months=month.values,
        weekdays=None if weekday.is_star else weekday.values,
    )


def _fields(line: str) -> list[_Field]:
    words = _words(line)
    fields = [_field(word, kind, line=line) for word, kind in zip(words, _KINDS, strict=True)]
    _, _, day, month, weekday = fields
    if weekday.is_star and not _comes_ever(month.values, day.values):
        raise _refusal(
            line, "that day never comes", hint=f"no month that it names has day {min(day.values)}"
        )
    if (day.is_stepped_star and not weekday.is_star) or (
        weekday.is_stepped_star and not day.is_star
    ):
        raise _refusal(
            line,
            "with both a day of month and a day of week, '*/' means different things to different "
            "schedulers",
            hint="write the days out, for example 1,3,5, or use '*' for one of the two fields",
        )
    return fields


def five_fields(expression: str) -> str:
    """Return what KFP's six fields are as a crontab line; as they are, if seconds matter."""
    words = expression.split()
    if len(words) == _FIELDS + 1 and words[0] == "0":
        return " ".join(words[1:])
    return expression


def _words(line: str) -> list[str]:
    text = line.strip()
    if text.startswith("@"):
        return _shorthand(text, line).split()
    if re.match(r"(CRON_)?TZ=", text):
        raise _refusal(
            line,
            "a schedule cannot name its time zone",
            hint="KFP's scheduler uses the time zone of the cluster, usually UTC",
        )
    words = text.split()
    if len(words) == _FIELDS + 1:
        raise _refusal(
            line,
            "six fields were given, five are expected",
            hint=f"leave out the seconds: '{' '.join(words[1:])}'",
        )
    if len(words) != _FIELDS:
        count = f"{len(words)} {'field was' if len(words) == 1 else 'fields were'} given"
        hint = _FORM if len(words) < _FIELDS else f"{_FORM}; in quotes, or the shell expands each *"
        raise _refusal(line, f"{count}, five are expected", hint=hint)
    return words


def _shorthand(text: str, line: str) -> str:
    known = _SHORTHANDS.get(text.lower())
    if known is not None:
        return known
    if text.lower().startswith("@every"):
        length = text.partition(" ")[2].strip()
        raise _refusal(line, "'@every' is no cron line", hint=f"use --every {length or '5m'}")
    if text.lower() == "@reboot":
        raise _refusal(line, "a cluster has no reboot to wait for", hint=_FORM)
    near = did_you_mean(text, _SHORTHANDS)
    raise _refusal(
        line, f"'{text}' is not known", hint=near or f"known are {', '.join(_SHORTHANDS)}"
    )


def _field(word: str, kind: _Kind, *, line: str) -> _Field:
    def refuse(why: str, hint: str | None = None) -> UsageError:
        return _refusal(line, f"{kind.name} '{word}': {why}", hint=hint)

    if word in _STARS or (word == "?" and kind.name in _QUESTION):
        every = range(kind.lowest, kind.highest + 1)
        return _Field(text="*", values=frozenset(every), is_star=True)
    parts = [_part(part, kind, refuse) for part in word.split(",")]
    values = frozenset(value for _, found in parts for value in found)
    text = ",".join(text for text, _ in parts)
    if kind is _WEEKDAY:
        values = frozenset(value % _SUNDAY for value in values)
        text = word if word.startswith("*/") and len(parts) == 1 else _spans(values)
    return _Field(text=text, values=values, is_stepped_star="*/" in word)


def _part(part: str, kind: _Kind, refuse: Callable[..., UsageError]) -> tuple[str, range]:
    """Return one element of a list: its text with names as numbers, and its values."""
    span, slash, step_text = part.partition("/")
    step = _step(step_text, kind, refuse) if slash else 1
    if span == "*":
        highest = kind.highest - (kind is _WEEKDAY)
        if step == 1:
            raise refuse("'*' among others stands for all", hint="write '*' alone")
        return part, range(kind.lowest, highest + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = _value(first_text, kind, refuse)
    if not dash:
        if slash:
            raise refuse(
                "a step needs a span or '*' before it",
                hint=f"write {first}-{kind.highest}/{step}, or */{step}",
            )
        return str(first), range(first, first + 1)
    last = _value(last_text, kind, refuse)
    if kind is _WEEKDAY and last == 0:
        last = _SUNDAY
    if first > last:
        raise refuse(
            "the span ends before it begins",
            hint=f"write two spans: {first_text}-{kind.highest},{kind.lowest}-{last_text}",
        )
    tail = f"/{step}" if slash else ""
    return f"{first}-{last}{tail}", range(first, last + 1, step)


def _step(text: str, kind: _Kind, refuse: Callable[..., UsageError]) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
        raise refuse(f"'/{text}' is no step", hint="write for example */5")
    if int(text) > kind.highest:
        raise refuse(
            f"steps begin anew with each {_WHOLE[kind.name]}, so /{text} fires once in it",
            hint=f"use --every {text}{_UNITS[kind.name]}" if kind.name in _UNITS else None,
        )
    return int(text)


_WHOLE: Final = {
    "minute": "hour",
    "hour": "day",
    "day of month": "month",
    "month": "year",
    "day of week": "week",
}
_UNITS: Final = {"minute": "m", "hour": "h"}


def _value(text: str, kind: _Kind, refuse: Callable[..., UsageError]) -> int:
    named = kind.names.get(text.upper())
    if named is not None:
        return named
    if not re.fullmatch(r"[0-9]{1,4}", text):
        if not text:
            raise refuse("something is missing", hint=_FORM)
        if re.fullmatch(r"[0-9]*[LW]|[0-9]+#[0-9]+|H.*", text):
            raise refuse(
                f"'{text}' is not known to KFP's scheduler", hint="L, W, # and H cannot be used"
            )
        near = did_you_mean(text.upper(), kind.names)
        raise refuse(f"'{text}' is no {kind.name}", hint=near or _allowed(kind))
    value = int(text)
    if not kind.lowest <= value <= kind.highest:
        raise refuse(f"{value} is out of range", hint=_allowed(kind))
    return value


def _allowed(kind: _Kind) -> str:
    names = f", or {next(iter(kind.names))} and the like" if kind.names else ""
    return f"{kind.name} is {kind.lowest} to {kind.highest}{names}"


def _spans(values: Iterable[int]) -> str:
    """Return values as a list of spans: "0,2-5"."""
    spans: list[list[int]] = []
    for value in sorted(values):
        if spans and spans[-1][1] == value - 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _comes_ever(months: Iterable[int], days: Iterable[int]) -> bool:
    earliest = min(days)
    return any(earliest <= _LONGEST[month - 1] for month in months)


def _refusal(line: str, why: str, *, hint: str | None = None) -> UsageError:
    shown = line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
    return UsageError(f"'{shown}' is no schedule: {why}", hint=hint)
