"""The forms that values in tags have: names, quantities, times, image references."""

import re
from typing import Final

STEP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LABEL_KEY: Final = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
LABEL_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
RESOURCE: Final = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
)
SECRET_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
VOLUME_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
SECRET_KEY: Final = re.compile(r"[-._A-Za-z0-9]{1,253}")
MODEL_NAME: Final = re.compile(r"\w(?:[\w .-]{0,248}[\w.-])?")
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][-A-Za-z0-9_.]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
_QUANTITY: Final = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2}|)"
)
_UNITS: Final = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_DURATION: Final = re.compile(
    r"(?:(?P<d>[0-9.]+)d)?(?:(?P<h>[0-9.]+)h)?(?:(?P<m>[0-9.]+)m)?(?:(?P<s>[0-9.]+)s?)?"
)
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse_quantity(text: str) -> float | None:
    """Return what a Kubernetes quantity amounts to, None if ``text`` is none."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    unit = found["unit"]
    scale = _UNITS[unit] if unit in _UNITS else float(f"1{unit}")
    return float(found["number"]) * scale


def parse_duration_s(text: str) -> float | None:
    """Return the seconds of ``90s``, ``10m``, ``1h30m``, ``1d`` or a bare number, else None."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    parts = {unit: number for unit, number in found.groupdict().items() if number}
    if not parts or not all(_NUMBER.fullmatch(number) for number in parts.values()):
        return None
    return sum(float(number) * _SECONDS[unit] for unit, number in parts.items())


def parse_count(text: str) -> int | None:
    """Return a whole number of zero or more, None if ``text`` is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def step_name_like(text: str) -> str | None:
    """Return the nearest text that is a step's name, None if nothing of ``text`` can be kept."""
    near = re.sub(r"[^A-Za-z0-9_-]+", "_", text.strip()).strip("_")
    if near and not STEP_NAME.fullmatch(near):
        near = f"_{near}"
    return near or None
