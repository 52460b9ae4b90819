"""Tests of what a crontab line is said to mean."""

import pytest

from kernelpipe.backends.kfp.cluster.cron import cron_fields
from kernelpipe.backends.kfp.cluster.cron_words import cron_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 3 * * *", "at 03:00 every day"),
        ("*/15 8-17 * * MON-FRI", "every 15 minutes from 08:00 to 17:59 on Monday to Friday"),
        ("* * * * *", "every minute"),
        ("5 * * * *", "at minute 5 of every hour"),
        ("0 9-17 * * *", "at minute 0 of every hour from 09:00 to 17:59 every day"),
        ("0,30 9 * * 0,6", "every 30 minutes in the hour 9 on Saturday and Sunday"),
        ("15,45 1,3,9 * * *", "at minutes 15 and 45 of the hours 1, 3 and 9 every day"),
        ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
        ("*/7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("@yearly", "at 00:00 on day 1 of the month in January"),
        ("@weekly", "at 00:00 on Sunday"),
        ("0 3 1-5 2,3 *", "at 03:00 on days 1 to 5 of the month in February and March"),
        ("0 3 1 * MON", "at 03:00 on day 1 of the month and also on Monday"),
        ("0 3 * * 5-7", "at 03:00 on Friday to Sunday"),
        ("0 3 * * 0-6", "at 03:00 on Monday to Sunday"),
    ],
)
def test_cron_words__line__says_when_it_fires(line: str, words: str) -> None:
    """In the order time, days, months; cron fires on either kind of day."""
    assert cron_words(cron_fields(line)) == words
