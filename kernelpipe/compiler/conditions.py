"""Everything that a step's result depends on and that is known before it runs, and its key."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from kernelpipe.compiler.fingerprints import SETUP, CodePart, Fingerprint, Statement
from kernelpipe.model.names import StepName

FORMAT = 1_01_01
"""Results with another number are never used. Raise it when the same code gets another fingerprint,
or the runtime computes or stores something else from it; its last pairs of digits are the versions
of the task document and of value files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a step's result depends on, as far as it is known before the step runs.

    ``inputs`` are ("step/port", digest of the content), ``packages`` are (distribution, version),
    both sorted; ``python`` is the interpreter ("CPython 3.12.1 linux-x86_64").
    """

    fingerprint: Fingerprint
    inputs: tuple[tuple[str, str], ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    python: str = ""
    format: int = FORMAT


def result_key(conditions: Conditions) -> str:
    """Return the SHA-256, in hex, of all that ``conditions`` hold but where the code stands."""
    known = conditions.fingerprint
    facts = {
        "format": conditions.format,
        "step": known.step,
        "setup": setup_order(known.code),
        "cells": [
            [part.role, part.may_raise, [s.meaning for s in part.statements]]
            for part in known.code
            if part.role != SETUP
        ],
        "parameters": known.parameters,
        "settings": known.settings,
        "ports": [known.inputs, known.outputs],
        "names": [known.metrics, known.removed, known.shared],
        "inputs": sorted(conditions.inputs),
        "packages": sorted(conditions.packages),
        "python": conditions.python,
    }
    return hashlib.sha256(_json(facts).encode()).hexdigest()


def setup_order(code: tuple[CodePart, ...]) -> list[str]:
    """Return the meanings of the statements of setup; the order of what is free is lost."""
    statements = [s for part in code if part.role == SETUP for s in part.statements]
    meanings: list[str] = []
    for is_free, run in groupby(statements, key=lambda s: s.is_free):
        found = [s.meaning for s in run]
        meanings += sorted(found) if is_free else found
    return meanings


def conditions_text(conditions: Conditions) -> str:
    """Return ``conditions`` as JSON; ``read_conditions`` takes it back."""
    return _json(asdict(conditions))


def _json(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


def read_conditions(text: str) -> Conditions:
    """Return what ``conditions_text`` wrote.

    A text of another version of kernelpipe, or a damaged one, gives conditions without content
    whose ``format`` is not ours; ``differences`` knows what to say of them.
    """
    try:
        content = json.loads(text)
        if content["format"] == FORMAT:
            return _conditions(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return Conditions(fingerprint=Fingerprint(step=StepName(""), code=()), format=0)


def _conditions(content: Mapping[str, Any]) -> Conditions:
    known = content["fingerprint"]
    return Conditions(
        fingerprint=Fingerprint(
            step=StepName(known["step"]),
            code=tuple(_part(part) for part in known["code"]),
            parameters=_pairs(known["parameters"]),
            settings=_pairs(known["settings"]),
            modules=tuple(known["modules"]),
            inputs=tuple(_ports(known["inputs"])),
            outputs=tuple(_ports(known["outputs"])),
            metrics=tuple(known["metrics"]),
            removed=tuple(known["removed"]),
            shared=tuple(known["shared"]),
        ),
        inputs=_pairs(content["inputs"]),
        packages=_pairs(content["packages"]),
        python=content["python"],
    )


def _part(part: Mapping[str, Any]) -> CodePart:
    statements = tuple(Statement(**statement) for statement in part["statements"])
    return CodePart(**{**part, "statements": statements})


def _pairs(content: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in content)


def _ports(content: list[tuple[str, list[str]]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((port, tuple(names)) for port, names in content)
