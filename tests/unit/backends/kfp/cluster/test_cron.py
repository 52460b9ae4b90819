"""Tests of crontab lines for KFP's scheduler."""

import itertools

import pytest
from kfp_server import crons

from kernelpipe.backends.kfp.cluster import five_fields, six_fields
from kernelpipe.errors import UsageError

LINES = (
    ("0 3 * * *", "0 0 3 * * *"),
    ("* * * * *", "0 * * * * *"),
    ("*/15 * * * *", "0 */15 * * * *"),
    ("*/1 * * * *", "0 * * * * *"),
    ("5,35 * * * *", "0 5,35 * * * *"),
    ("0 8-17 * * *", "0 0 8-17 * * *"),
    ("0 8-18/2 * * *", "0 0 8-18/2 * * *"),
    ("0 0 1 * *", "0 0 0 1 * *"),
    ("0 0 1,15 * *", "0 0 0 1,15 * *"),
    ("0 0 1 1 *", "0 0 0 1 1 *"),
    ("0 0 1 JAN *", "0 0 0 1 1 *"),
    ("0 0 1 jan-mar *", "0 0 0 1 1-3 *"),
    ("0 0 1 */3 *", "0 0 0 1 */3 *"),
    ("0 0 1 FEB,NOV *", "0 0 0 1 2,11 *"),
    ("0 9 * * MON", "0 0 9 * * 1"),
    ("0 9 * * mon-fri", "0 0 9 * * 1-5"),
    ("*/15 8-17 * * MON-FRI", "0 */15 8-17 * * 1-5"),
    ("0 9 * * 1-5", "0 0 9 * * 1-5"),
    ("0 9 * * 0", "0 0 9 * * 0"),
    ("0 9 * * 7", "0 0 9 * * 0"),
    ("0 9 * * SUN", "0 0 9 * * 0"),
    ("0 9 * * 5-7", "0 0 9 * * 0,5-6"),
    ("0 9 * * FRI-SUN", "0 0 9 * * 0,5-6"),
    ("0 9 * * SAT,SUN", "0 0 9 * * 0,6"),
    ("0 9 * * SAT-SUN", "0 0 9 * * 0,6"),
    ("0 9 * * 6,7", "0 0 9 * * 0,6"),
    ("0 9 * * 1-7", "0 0 9 * * 0-6"),
    ("0 9 * * 0-7", "0 0 9 * * 0-6"),
    ("0 9 * * MON-SUN", "0 0 9 * * 0-6"),
    ("0 9 * * 1-7/2", "0 0 9 * * 0-1,3,5"),
    ("0 9 * * MON,WED,FRI", "0 0 9 * * 1,3,5"),
    ("0 9 * * */2", "0 0 9 * * */2"),
    ("0 9 ? * MON", "0 0 9 * * 1"),
    ("0 9 1 * ?", "0 0 9 1 * *"),
    ("0 9 13 * FRI", "0 0 9 13 * 5"),
    ("0 0 1 * MON-SUN", "0 0 0 1 * 0-6"),
    ("0 0 29 2 *", "0 0 0 29 2 *"),
    ("0 0 31 * *", "0 0 0 31 * *"),
    ("0 0 31 2 MON", "0 0 0 31 2 1"),
    ("00 03 * * *", "0 0 3 * * *"),
    ("  0\t3  * * * ", "0 0 3 * * *"),
    ("0-59/10 * * * *", "0 0-59/10 * * * *"),
    ("@hourly", "0 0 * * * *"),
    ("@daily", "0 0 0 * * *"),
    ("@midnight", "0 0 0 * * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@monthly", "0 0 0 1 * *"),
    ("@yearly", "0 0 0 1 1 *"),
    ("@Annually", "0 0 0 1 1 *"),
)
REFUSALS = (
    ("", "0 fields were given, five are expected", "write minute, hour"),
    ("5", "1 field was given, five are expected", "write minute, hour"),
    ("0 3 * *", "4 fields were given, five are expected", "write minute, hour"),
    (
        "0 0 3 * * *",
        "six fields were given, five are expected",
        "leave out the seconds: '0 3 * * *'",
    ),
    ("0 3 * * * * 2026", "7 fields were given, five are expected", "write minute, hour"),
    ("60 3 * * *", "minute '60': 60 is out of range", "minute is 0 to 59"),
    ("0 24 * * *", "hour '24': 24 is out of range", "hour is 0 to 23"),
    ("0 3 0 * *", "day of month '0': 0 is out of range", "day of month is 1 to 31"),
    ("0 3 32 * *", "day of month '32': 32 is out of range", "day of month is 1 to 31"),
    ("0 3 * 13 *", "month '13': 13 is out of range", "month is 1 to 12, or JAN and the like"),
    ("0 3 * * 8", "day of week '8': 8 is out of range", "day of week is 0 to 7, or SUN"),
    ("-5 3 * * *", "minute '-5': something is missing", "write minute, hour"),
    ("5- 3 * * *", "minute '5-': something is missing", "write minute, hour"),
    ("1,,2 3 * * *", "minute '1,,2': something is missing", "write minute, hour"),
    ("x 3 * * *", "minute 'x': 'x' is no minute", "minute is 0 to 59"),
    ("0 3 * * MOM", "'MOM' is no day of week", "did you mean 'MON'?"),
    ("0 3 * * monday", "'monday' is no day of week", "did you mean 'MON'?"),
    ("0 22-2 * * *", "the span ends before it begins", "write two spans: 22-23,0-2"),
    ("0 3 * * FRI-MON", "the span ends before it begins", "write two spans: FRI-7,0-MON"),
    ("*/0 * * * *", "'/0' is no step", "write for example */5"),
    ("*/x * * * *", "'/x' is no step", "write for example */5"),
    ("*/90 * * * *", "steps begin anew with each hour", "use --every 90m"),
    ("0 */36 * * *", "steps begin anew with each day", "use --every 36h"),
    ("5/15 * * * *", "a step needs a span or '*' before it", "write 5-59/15, or */15"),
    ("*,5 * * * *", "'*' among others stands for all", "write '*' alone"),
    ("? * * * *", "minute '?': '?' is no minute", "minute is 0 to 59"),
    ("0 3 L * *", "'L' is not known to KFP's scheduler", "L, W, # and H cannot be used"),
    ("0 3 15W * *", "'15W' is not known to KFP's scheduler", "L, W, # and H cannot be used"),
    ("0 3 * * 1#2", "'1#2' is not known to KFP's scheduler", "L, W, # and H cannot be used"),
    ("H 3 * * *", "'H' is not known to KFP's scheduler", "L, W, # and H cannot be used"),
    ("0 0 30 2 *", "that day never comes", "no month that it names has day 30"),
    ("0 0 31 4,6,9,11 *", "that day never comes", "no month that it names has day 31"),
    ("0 0 */2 * MON", "different schedulers", "write the days out"),
    ("0 0 1 * */2", "different schedulers", "write the days out"),
    ("0 0 5,*/10 * 1", "different schedulers", "write the days out"),
    ("@every 5m", "'@every' is no cron line", "use --every 5m"),
    ("@reboot", "a cluster has no reboot to wait for", "write minute, hour"),
    ("@dayly", "'@dayly' is not known", "did you mean '@daily'?"),
    ("TZ=Europe/Berlin 0 3 * * *", "a schedule cannot name its time zone", "usually UTC"),
    ("CRON_TZ=UTC 0 3 * * *", "a schedule cannot name its time zone", "usually UTC"),
)


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[line for line, _ in LINES])
def test_six_fields__crontab_line__is_translated(line: str, expected: str) -> None:
    """Seconds are added, days are counted as KFP counts them."""
    assert six_fields(line) == expected


@pytest.mark.parametrize(("line", "why", "hint"), REFUSALS, ids=[line for line, *_ in REFUSALS])
def test_six_fields__line_that_means_nothing__is_refused(line: str, why: str, hint: str) -> None:
    """The message says which field is wrong, and what to write instead."""
    with pytest.raises(UsageError) as caught:
        six_fields(line)

    first, _, rest = str(caught.value).partition("\n  hint: ")
    assert first.startswith(f"'{line}' is no schedule: ")
    assert why in first
    assert hint in rest


@pytest.mark.parametrize("line", [line for line, _ in LINES if not line.startswith("@")])
def test_six_fields__kfp_scheduler__fires_when_cron_does(line: str) -> None:
    """An independent reading of the crontab line fires at the same moments as KFP's parser."""
    minute, hour, day, month, weekday = line.split()
    stars = [text in {"*", "?", "*/1"} or text.startswith("*/") for text in (day, weekday)]
    found = crons.parse(six_fields(line))

    for at_month, at_day, at_weekday in itertools.product(
        (1, 2, 3, 11), (1, 2, 13, 15, 31), range(7)
    ):
        in_day = at_day in _expanded(day, 1, 31)
        in_week = bool(
            {at_weekday, 7 if at_weekday == 0 else at_weekday} & _expanded(weekday, 0, 7)
        )
        is_day = (in_day and in_week) if any(stars) else (in_day or in_week)
        for at_hour, at_minute in itertools.product((0, 3, 8, 9, 10, 18), (0, 5, 10, 15, 35)):
            expected = (
                is_day
                and at_month in _expanded(month, 1, 12)
                and at_hour in _expanded(hour, 0, 23)
                and at_minute in _expanded(minute, 0, 59)
            )
            assert expected == found.fires(
                month=at_month, day=at_day, weekday=at_weekday, hour=at_hour, minute=at_minute
            )
    assert found.fields[0] == {0}


def test_six_fields__day_without_hour_mistake__is_what_kfp_would_do() -> None:
    """The line as it is would be accepted by KFP, and fire each hour: hence the translation."""
    raw = crons.parse("0 3 * * *")

    assert raw.fires(month=1, day=1, weekday=1, hour=17, minute=3)
    assert not crons.parse(six_fields("0 3 * * *")).fires(
        month=1, day=1, weekday=1, hour=17, minute=3
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 3 * * *", "0 3 * * *"),
        ("30 0 3 * * *", "30 0 3 * * *"),
        ("0 3 * * *", "0 3 * * *"),
    ],
)
def test_five_fields__expression_of_kfp__is_shown_as_crontab_line(
    expression: str, expected: str
) -> None:
    """Seconds other than zero, and what others wrote in another form, stay visible."""
    assert five_fields(expression) == expected


_NAMES = {
    name: index
    for names, first in (
        ("sun mon tue wed thu fri sat", 0),
        ("jan feb mar apr may jun jul aug sep oct nov dec", 1),
    )
    for index, name in enumerate(names.split(), start=first)
}


def _expanded(text: str, low: int, high: int) -> set[int]:
    """Return the values of a field of a crontab line, as crontab(5) describes them."""
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = low if first in {"*", "?"} else _number(first)
        end = high if first in {"*", "?"} else _number(last) if dash else start
        end = 7 if last == "sun" else end
        found |= set(range(start, end + 1, int(step or 1)))
    return found


def _number(text: str) -> int:
    return _NAMES[text] if text in _NAMES else int(text)
