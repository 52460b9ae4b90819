"""What of a task determines its step's result, in parts that can be told to the user."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kernelpipe.compiler.setup_slice import setup_of
from kernelpipe.compiler.statements import Unit, units_of
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.runtime.notebook import given_values, python_text

SETUP = "setup"
FOREACH = "foreach"
"""The name under which the item that a step's cells run for is among the settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A top-level statement that counts.

    ``line`` is one-based in its cell; ``digest`` is the same whatever the layout. ``label`` says
    what it defines ("def clean", "class Model", "import pandas", "LIMIT"), "" if nothing alone.
    ``is_free``: its place among neighbours of which that is true means nothing. ``is_shown``: the
    notebook shows its value.
    """

    line: int
    digest: str
    label: str = ""
    is_free: bool = False
    is_shown: bool = False

    @property
    def meaning(self) -> str:
        """What must be equal for two statements to be the same."""
        return f"{self.digest}:shown" if self.is_shown else self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePart:
    """A cell, with those of its statements that count, in order; at least one.

    ``role`` is "setup", "cell", "metrics" or "test".
    """

    role: str
    cell_index: int
    cell_id: str
    statements: tuple[Statement, ...]
    may_raise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """All that determines a step's result and is known from the notebook alone.

    ``parameters`` are (name, Python expression of the value) of those that the step reads,
    ``settings`` are (name, text) of those that may change results. ``inputs`` are ("step/port",
    names) and ``outputs`` (port, names). ``shared`` are the names of setup that values refer to.
    ``modules`` are the dotted names that the code may import, sorted; they are in the code anyway,
    so that they are not part of the key. Sequences are sorted, cells are in notebook order.
    """

    step: StepName
    code: tuple[CodePart, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    inputs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    outputs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    metrics: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def fingerprint(task: Task, given: Mapping[str, object]) -> Fingerprint:
    """Return what of ``task`` determines its result.

    What does not: layout and comments, where cells and steps stand, ids, the notebook's name and
    path, setup and parameters that the step does not use, and settings about how it is run.

    A function or class of setup may also reach the step through an input: the step calls a method
    of an object that another step made. What such code reads is in ``task.setup_names``. The code
    itself is in the input's content: a value file holds, besides the key of each function or class
    of setup, a copy by value (``runtime.pickling``). Only what cannot be copied has none; that is
    made by calls, and calls in setup count for every step.

    Args:
        task: As lowered.
        given: Parameter name -> JSON value that the user set; may hold those of other steps.
    """
    return _Fingerprinter(task, given).fingerprint()


def modules_reached(fingerprints: Iterable[Fingerprint]) -> dict[StepName, tuple[str, ...]]:
    """Return the modules of each step and of all steps that its inputs come from, sorted.

    A step that computes with a frame uses pandas whether it imports it or not.

    Args:
        fingerprints: In pipeline order: a step comes after those that it takes inputs from.
    """
    reached: dict[StepName, set[str]] = {}
    for each in fingerprints:
        found = set(each.modules)
        for name, _ in each.inputs:
            found |= reached.get(StepName(name.rpartition("/")[0]), set())
        reached[each.step] = found
    return {step: tuple(sorted(found)) for step, found in reached.items()}


class _Fingerprinter:
    """Takes one task's document apart."""

    def __init__(self, task: Task, given: Mapping[str, object]) -> None:
        self.task = task
        self.document: Mapping[str, Any] = json.loads(task.document)
        self.parameters: list[Mapping[str, Any]] = self.document["parameters"]
        self.unread: frozenset[str] = frozenset()
        self.injected = given_values(self.parameters, given)
        self.cells: list[Mapping[str, Any]] = self.document["setup"]
        self.setup = setup_of(
            tuple((entry["source"], self._parameters_of(entry)) for entry in self.cells)
        )
        self.own: list[tuple[Mapping[str, Any], tuple[Unit, ...]]] = [
            (entry, units_of(entry["source"]))
            for entry in [*self.document["cells"], *self.document["tests"]]
        ]
        if task.item is not None:
            self._leave_out(task.item.loop.parameter)

    def _leave_out(self, items: str) -> None:
        """Leave out the list of a loop unless code may read more of it than the item."""
        own = [unit for _, units in self.own for unit in units]
        if not self.setup.may_read(own, items):
            self.unread = frozenset({items})
            self.parameters = [entry for entry in self.parameters if entry["name"] != items]

    def fingerprint(self) -> Fingerprint:
        own = [unit for _, units in self.own for unit in units]
        used = self.setup.used_by(own, self._further_names())
        units = [*own, *(self.setup.units[i][1].unit for i in used.positions)]
        return Fingerprint(
            step=self.task.public_step,
            code=(*self._setup_parts(sorted(used.positions)), *self._own_parts()),
            parameters=tuple(sorted(self._parameter_values())),
            settings=tuple(sorted(_settings(self.task))),
            modules=tuple(sorted({name for unit in units for name in unit.modules})),
            inputs=tuple((f"{i.step}/{i.port}", i.names) for i in self.task.inputs),
            outputs=tuple(sorted((o.port, o.names) for o in self.task.outputs)),
            metrics=self.task.metrics,
            removed=tuple(self.document.get("removed", ())),
            shared=tuple(sorted(used.names & self.document.get("shared", {}).keys())),
        )

    # -- parameters ------------------------------------------------------------------------------
    def _parameters_of(self, entry: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(p["name"] for p in self.parameters if p["cell"] == entry["index"])

    def _parameter_values(self) -> Iterator[tuple[str, str]]:
        """Yield the values, and the defaults where code saw those before they were replaced."""
        busy = {self.cells[i]["index"] for i in self.setup.busy}
        for entry in self.parameters:
            name = entry["name"]
            default = self.setup.defaults.get(name) or _default_text(entry)
            if name not in self.injected:
                yield name, default
                continue
            yield name, python_text(self.injected[name])
            if entry["cell"] in busy:
                yield f"{name} (default)", default

    # -- code ------------------------------------------------------------------------------------
    def _further_names(self) -> set[str]:
        """Return the names that the step uses besides those that its code mentions."""
        names = {*self.task.setup_names, *self.task.metrics, *self.document.get("removed", ())}
        names.update(entry["name"] for entry in self.parameters)
        names.update(*(port.names for port in self.task.inputs))
        names.update(*(port.names for port in self.task.outputs))
        return names - self.unread

    def _setup_parts(self, positions: Iterable[int]) -> Iterator[CodePart]:
        statements: dict[int, list[Statement]] = {}
        for position in positions:
            cell, unit = self.setup.units[position]
            is_free = position in self.setup.free
            statements.setdefault(cell, []).append(_statement(unit.unit, is_free=is_free))
        for cell, found in statements.items():
            entry = self.cells[cell]
            yield CodePart(
                role=SETUP,
                cell_index=entry["index"],
                cell_id=entry["id"],
                statements=tuple(found),
            )

    def _own_parts(self) -> Iterator[CodePart]:
        for entry, units in self.own:
            if units:
                yield CodePart(
                    role="cell" if entry["role"] == "step" else entry["role"],
                    cell_index=entry["index"],
                    cell_id=entry["id"],
                    statements=tuple(_statement(unit, is_free=False) for unit in units),
                    may_raise=bool(entry.get("may_raise")),
                )


def _statement(unit: Unit, *, is_free: bool) -> Statement:
    return Statement(
        line=unit.line,
        digest=unit.digest,
        label=unit.label,
        is_free=is_free,
        is_shown=unit.is_shown,
    )


def _default_text(entry: Mapping[str, Any]) -> str:
    default = entry["default"]
    return python_text(tuple(default) if entry.get("tuple") else default)


def _settings(task: Task) -> Iterator[tuple[str, str]]:
    """Yield the settings that may change what a step computes."""
    settings = task.settings
    if settings.image is not None:
        yield "image", settings.image
    for variable in settings.env:
        yield f"env:{variable.key}", variable.value
    for secret in settings.secrets:
        yield f"secret:{secret.env}", f"{secret.secret}:{secret.key}"
    for config_map in settings.config_maps:
        yield f"config-map:{config_map.env}", f"{config_map.config_map}:{config_map.key}"
    if task.item is not None:
        yield FOREACH, f"{task.item.text} ({task.item.repeats})"
    elif settings.foreach is not None:
        yield FOREACH, f"{settings.foreach.name} in {settings.foreach.items}"
