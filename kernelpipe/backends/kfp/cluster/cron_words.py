"""What a crontab line means, in words: "at 03:00 on Monday to Friday"."""

from collections.abc import Iterable, Sequence
from typing import Final

from kernelpipe.backends.kfp.cluster.cron import CronFields

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HOUR_MINUTES: Final = 60
_DAY_HOURS: Final = 24
_MOST_TIMES: Final = 6
"""How many times of a day are written out."""
_SHORTEST_SPAN: Final = 3


def cron_words(fields: CronFields) -> str:
    """Return when a crontab line fires."""
    return " ".join(filter(None, (_times(fields), _days(fields), _months(fields))))


def _times(fields: CronFields) -> str:
    minutes, hours = sorted(fields.minutes), sorted(fields.hours)
    if len(minutes) == 1 and len(hours) <= _MOST_TIMES:
        return f"at {_listed(_clock(hour, minutes[0]) for hour in hours)}"
    step = _HOUR_MINUTES // len(minutes)
    if list(minutes) == list(range(0, _HOUR_MINUTES, step)):
        often = "every minute" if step == 1 else f"every {step} minutes"
        if step < _HOUR_MINUTES:
            return often + _hours(hours, every="", some=" in the")
    noun = "minute" if len(minutes) == 1 else "minutes"
    return f"at {noun} {_numbers(minutes)}" + _hours(hours, every=" of every hour", some=" of the")


def _hours(hours: Sequence[int], *, every: str, some: str) -> str:
    """Return in which hours; ``every`` and ``some`` are how that begins."""
    if len(hours) == _DAY_HOURS:
        return every
    if len(hours) > 1 and _is_span(hours):
        return f"{every} from {_clock(hours[0], 0)} to {_clock(hours[-1], _HOUR_MINUTES - 1)}"
    return f"{some} hour{'s' if len(hours) > 1 else ''} {_numbers(hours)}"


def _days(fields: CronFields) -> str:
    parts = []
    if fields.days is not None:
        noun = "days" if len(fields.days) > 1 else "day"
        parts.append(f"on {noun} {_numbers(sorted(fields.days))} of the month")
    if fields.weekdays is not None:
        parts.append(f"on {_weekdays(fields.weekdays)}")
    if not parts and len(fields.hours) < _DAY_HOURS:
        return "every day"
    # Cron fires on either; there is no way to ask for days that are both.
    return " and also ".join(parts)


def _weekdays(days: Iterable[int]) -> str:
    # Monday comes first, so that a weekend is a span, too.
    places = sorted((day - 1) % len(_DAYS) for day in days)
    names = [_DAYS[(place + 1) % len(_DAYS)] for place in places]
    if len(places) >= _SHORTEST_SPAN and _is_span(places):
        return f"{names[0]} to {names[-1]}"
    return _listed(names)


def _months(fields: CronFields) -> str:
    if len(fields.months) == len(_MONTHS):
        return ""
    return f"in {_listed(_MONTHS[month - 1] for month in sorted(fields.months))}"


def _numbers(values: Sequence[int]) -> str:
    if len(values) >= _SHORTEST_SPAN and _is_span(values):
        return f"{values[0]} to {values[-1]}"
    return _listed(map(str, values))


def _is_span(values: Sequence[int]) -> bool:
    return list(values) == list(range(values[0], values[-1] + 1))


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
