"""Times, sizes, numbers and tables as people read them."""

from collections.abc import Iterable, Sequence

from kernelpipe.model.run import ItemFacts, RunState

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86400
_SIGNIFICANT_DIGITS = 6
_UNITS = ("B", "KB", "MB", "GB", "TB")
_UNIT = 1000
_ONE_DECIMAL_BELOW = 10


def duration(seconds: float | None) -> str:
    """Return how long something took, "" if that is unknown."""
    if seconds is None:
        return ""
    if round(seconds, 1) < _MINUTE_S:
        return f"{seconds:.1f} s"
    if round(seconds) < _HOUR_S:
        minutes, rest = divmod(round(seconds), _MINUTE_S)
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / _MINUTE_S), _MINUTE_S)
    return f"{hours} h {minutes} min"


def ago(seconds: float) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    for length, unit in ((_DAY_S, "days"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {'day' if (count, unit) == (1, 'days') else unit} ago"
    return f"{max(0, int(seconds))} s ago"


def size(count: float | None) -> str:
    """Return an amount of bytes, "" if it is unknown."""
    if count is None:
        return ""
    amount, unit = float(count), 0
    while round(amount) >= _UNIT and unit + 1 < len(_UNITS):
        amount, unit = amount / _UNIT, unit + 1
    is_whole = unit == 0 or round(amount, 1) >= _ONE_DECIMAL_BELOW
    return f"{amount:.{0 if is_whole else 1}f} {_UNITS[unit]}"


def number(value: float) -> str:
    """Return a metric: integers and booleans whole, others rounded."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.{_SIGNIFICANT_DIGITS}g}"


def counted(count: int, noun: str) -> str:
    """Return for example "1 step" or "3 steps"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def items_summary(items: Sequence[ItemFacts]) -> str:
    """Return how many items a loop's step has, and how many of them were found or failed."""
    kinds = {
        "found": sum(item["is_cached"] for item in items),
        "failed": sum(item["state"] == RunState.FAILED.value for item in items),
    }
    told = [f"{count} {kind}" for kind, count in kinds.items() if count]
    return ", ".join([counted(len(items), "item"), *told])


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Return one line per row with the columns aligned."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        (
            indent + "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
