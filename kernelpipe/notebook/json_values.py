"""Reads JSON values of metadata strictly: what is wrong with one is reported with its place."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.notebook import rules, values

_LARGEST: Final = 2**31 - 1
"""Kubernetes and KFP count in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonValue:
    """A value in metadata; ``path`` leads to it, like ``kernelpipe.mounts[0].path``.

    The methods return None for a value that is not as it must be, once that is in ``findings``,
    which all parts of one metadata share.
    """

    value: object
    path: str
    location: Location
    findings: list[Diagnostic] = field(default_factory=list)

    def report(self, rule: rules.Rule, message: str, hint: str | None = None) -> None:
        """Add a finding; ``message`` follows the value's place."""
        self.findings.append(rule.at(self.location, f"metadata '{self.path}' {message}", hint))

    def refuse(self, expected: str) -> None:
        """Report a value of another type than the key takes."""
        self.report(rules.METADATA_VALUE, f"is not {expected}")

    def at(self, key: str, value: object) -> "JsonValue":
        """Return a part of this mapping."""
        return self._part(f"{self.path}.{key}", value)

    def _part(self, path: str, value: object) -> "JsonValue":
        return JsonValue(value=value, path=path, location=self.location, findings=self.findings)

    def entries(
        self, known: Sequence[str], required: Iterable[str] = ()
    ) -> Mapping[str, "JsonValue"]:
        """Return the parts of a mapping with the keys ``known``; others are reported.

        A part that is null counts as left out. Without what is ``required`` nothing is returned.
        """
        if not isinstance(self.value, dict):
            self.refuse("a mapping")
            return {}
        for key in self.value:
            if key not in known:
                self.unknown(key, known)
        missing = [key for key in required if self.value.get(key) is None]
        if missing:
            self.report(
                rules.METADATA_VALUE,
                f"has no '{missing[0]}'",
                f"keys are: {', '.join(known)}",
            )
            return {}
        return {
            key: self.at(key, value)
            for key, value in self.value.items()
            if key in known and value is not None
        }

    def unknown(self, key: str, known: Iterable[str]) -> None:
        """Report a key of this mapping that is not known."""
        names = list(known)
        self.report(
            rules.UNKNOWN_KEY,
            f"has the key '{key}', which is not known",
            did_you_mean(key, names) or f"keys are: {', '.join(names)}",
        )

    def items(self) -> Iterator["JsonValue"]:
        """Yield the items of a list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
            return
        for index, item in enumerate(self.value):
            yield self._part(f"{self.path}[{index}]", item)

    def pairs(self) -> Iterator[tuple[str, "JsonValue"]]:
        """Yield the parts of a mapping whose keys are free."""
        if not isinstance(self.value, dict):
            self.refuse("a mapping")
            return
        for key, value in self.value.items():
            yield key, self.at(key, value)

    def text(self) -> str | None:
        """Return a text that is not empty."""
        if isinstance(self.value, str) and self.value:
            return self.value
        self.refuse("a text")
        return None

    def name(self, form: re.Pattern[str], what: str) -> str | None:
        """Return a text of the form that Kubernetes wants for ``what``."""
        text = self.text()
        if text is None or form.fullmatch(text):
            return text
        near = re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.")
        hint = f"did you mean '{near}'?" if form.fullmatch(near) else None
        self.report(rules.CLUSTER_VALUE, f"is '{text}', which cannot name {what}", hint)
        return None

    def choice(self, known: Sequence[str]) -> str | None:
        """Return one of the texts ``known``."""
        text = self.text()
        if text is None or text in known:
            return text
        self.report(
            rules.CLUSTER_VALUE,
            f"is '{text}', which is none of {', '.join(known)}",
            did_you_mean(text, known),
        )
        return None

    def quantity(self) -> str | None:
        """Return a text that is a Kubernetes quantity of at least a byte."""
        text = self.text()
        if text is None:
            return None
        if (values.parse_quantity(text) or 0) >= 1:
            return text
        near = re.fullmatch(r"([0-9.]+) ?([kmgtp])(?:i?b)?", text, re.IGNORECASE)
        hint = f"did you mean '{near[1]}{near[2].upper()}i'?" if near else "write 10Gi or 500Mi"
        self.report(rules.CLUSTER_VALUE, f"is '{text}', which is no amount of storage", hint)
        return None

    def whole(self, *, least: int) -> int | None:
        """Return a whole number of at least ``least``."""
        if (
            isinstance(self.value, int)
            and not isinstance(self.value, bool)
            and least <= self.value <= _LARGEST
        ):
            return self.value
        self.refuse(f"a whole number of at least {least}")
        return None

    def truth(self) -> bool | None:
        """Return True or False."""
        if isinstance(self.value, bool):
            return self.value
        self.refuse("true or false")
        return None

    def duration_s(self) -> float | None:
        """Return the seconds of a time such as '90s' or '1h30m', or of a number; zero is none."""
        seconds = None
        if isinstance(self.value, str):
            seconds = values.parse_duration_s(self.value)
        elif isinstance(self.value, int | float) and not isinstance(self.value, bool):
            seconds = float(self.value)
        if seconds is not None and 0 < seconds <= _LARGEST:
            return seconds
        self.refuse("a length of time such as '90s', '10m', '1h30m' or '7d'")
        return None

    def whole_duration_s(self) -> int | None:
        """Return a length of time in whole seconds, rounded up."""
        seconds = self.duration_s()
        return None if seconds is None else math.ceil(seconds)
