"""Lower a pipeline to tasks: one self-contained document per step."""

import json
from collections.abc import Iterable, Mapping

from kernelpipe.analysis.syntax import deep_recursion
from kernelpipe.compiler.derivations import Derivation, ParametersCell, read_parameters_cell
from kernelpipe.compiler.task import Task, TaskInput, TaskOutput
from kernelpipe.compiler.unpickling import follow_unpickled
from kernelpipe.errors import CompileError
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import Cell, CellRole
from kernelpipe.model.pipeline import (
    ArtifactKind,
    OutputPort,
    Parameter,
    Pipeline,
    SetupCell,
    Step,
)

DOCUMENT_VERSION = 1

_SETUP_ROLES = {CellRole.FUNCTIONS: "functions", CellRole.PARAMETERS: "parameters"}
_Ports = Mapping[StepName, Mapping[str, str]]


def lower(pipeline: Pipeline) -> tuple[Task, ...]:
    """Return one task per step, in the pipeline's order.

    The same pipeline gives the same tasks, byte for byte; the source notebook's path is not in
    them.

    Raises:
        CompileError: If the pipeline has errors; it carries every diagnostic.
    """
    if pipeline.errors():
        raise CompileError(diagnostics=pipeline.diagnostics)
    with deep_recursion():
        outputs = {step.name: task_outputs(step.outputs) for step in pipeline.steps}
        ports: _Ports = {
            step: {name: output.port for output in files for name in output.names}
            for step, files in outputs.items()
        }
        cells = parameters_cells(pipeline)
        return follow_unpickled(
            _lower_step(step, pipeline, outputs[step.name], ports, cells) for step in pipeline.steps
        )


def task_outputs(ports: Iterable[OutputPort]) -> tuple[TaskOutput, ...]:
    """Return the files that hold ``ports``, one per group, in the order of the groups."""
    groups: dict[int, list[OutputPort]] = {}
    for port in ports:
        groups.setdefault(port.group, []).append(port)
    taken: set[str] = set()
    files = []
    for _, members in sorted(groups.items()):
        names = tuple(sorted(member.name for member in members))
        kinds = {member.kind for member in members}
        files.append(
            TaskOutput(
                port=_port_name(names[0], taken),
                names=names,
                kind=kinds.pop() if len(kinds) == 1 else ArtifactKind.ANY,
            )
        )
    return tuple(files)


def _port_name(name: str, taken: set[str]) -> str:
    """Return a port name for the group whose first name is ``name``, and add it to ``taken``.

    File systems that ignore case must not mix up ``X`` and ``x``: a clash gets a number.
    """
    text = "state_" + name[1:] if name.startswith("@") else name
    port = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text)
    candidate, number = port, 2
    while candidate.lower() in taken:
        candidate, number = f"{port}_{number}", number + 1
    taken.add(candidate.lower())
    return candidate


def parameters_cells(pipeline: Pipeline) -> dict[int, ParametersCell]:
    """Return every parameters cell that some step runs, by cell index."""
    found = {
        setup.cell.index: setup
        for step in pipeline.steps
        for setup in step.setup
        if setup.cell.role is CellRole.PARAMETERS
    }
    return {index: _read(setup, pipeline.parameters) for index, setup in found.items()}


def _read(setup: SetupCell, parameters: Iterable[Parameter]) -> ParametersCell:
    own = [p for p in parameters if p.cell_index == setup.cell.index]
    return read_parameters_cell(setup.cell.source, own)


def _lower_step(
    step: Step,
    pipeline: Pipeline,
    outputs: tuple[TaskOutput, ...],
    ports: _Ports,
    cells: Mapping[int, ParametersCell],
) -> Task:
    own_cells = {
        setup.cell.index: cells[setup.cell.index]
        for setup in step.setup
        if setup.cell.role is CellRole.PARAMETERS
    }
    parameters = _parameters_read(step, pipeline.parameters, own_cells)
    inputs = _task_inputs(step, ports)
    document = {
        "version": DOCUMENT_VERSION,
        "pipeline": pipeline.name,
        "step": step.name,
        "setup": [_setup_entry(setup) for setup in step.setup],
        "cells": [_cell_entry(cell) for cell in step.cells],
        "tests": [_cell_entry(cell) for cell in step.tests],
        "parameters": [_parameter_entry(p, own_cells) for p in parameters],
        "derivations": {
            str(index): [_derivation_entry(d) for d in cell.derivations]
            for index, cell in sorted(own_cells.items())
        },
        "inputs": [{"step": i.step, "port": i.port, "names": list(i.names)} for i in inputs],
        "outputs": [_output_entry(output, step) for output in outputs],
        "metrics": list(step.metrics),
        "removed": list(step.removed),
        "shared": dict(step.shared_definitions),
    }
    return Task(
        step=step.name,
        after=step.after,
        document=json.dumps(document, separators=(",", ":")),
        parameters=tuple(p.name for p in parameters),
        inputs=inputs,
        outputs=outputs,
        metrics=step.metrics,
        modules=step.modules,
        settings=step.settings,
        setup_names=step.setup_names,
        gate=step.gate,
        loop=step.loop,
    )


def _parameters_read(
    step: Step, parameters: Iterable[Parameter], cells: Mapping[int, ParametersCell]
) -> tuple[Parameter, ...]:
    """Return the parameters that the step reads itself or through a derived name."""
    wanted = {port.name for port in step.inputs if port.source is None}
    for _, cell in sorted(cells.items(), reverse=True):
        for derivation in reversed(cell.derivations):
            if wanted.intersection(derivation.binds):
                wanted.update(derivation.reads)
    return tuple(p for p in parameters if p.name in wanted and p.cell_index in cells)


def _task_inputs(step: Step, ports: _Ports) -> tuple[TaskInput, ...]:
    files: dict[tuple[StepName, str], list[str]] = {}
    for port in step.inputs:
        if port.source is not None:
            files.setdefault((port.source, ports[port.source][port.name]), []).append(port.name)
    return tuple(
        TaskInput(step=source, port=port, names=tuple(sorted(names)))
        for (source, port), names in sorted(files.items())
    )


def _setup_entry(setup: SetupCell) -> dict[str, object]:
    return {
        "index": setup.cell.index,
        "id": setup.cell.id,
        "role": _SETUP_ROLES.get(setup.cell.role, "imports"),
        "source": setup.source,
    }


def _cell_entry(cell: Cell) -> dict[str, object]:
    role = cell.role if cell.role in {CellRole.METRICS, CellRole.TEST} else CellRole.STEP
    entry = {"index": cell.index, "id": cell.id, "role": role.value, "source": cell.source}
    return {**entry, "may_raise": True} if cell.may_raise else entry


def _parameter_entry(
    parameter: Parameter, cells: Mapping[int, ParametersCell]
) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": parameter.name,
        "type": parameter.type.value,
        "default": json.loads(parameter.default),
        "nullable": parameter.is_nullable,
        "cell": parameter.cell_index,
    }
    if cells[parameter.cell_index].is_tuple(parameter.name):
        entry["tuple"] = True
    return entry


def _derivation_entry(derivation: Derivation) -> dict[str, object]:
    entry: dict[str, object] = {
        "source": derivation.source,
        "reads": list(derivation.reads),
        "binds": list(derivation.binds),
    }
    if derivation.resets:
        entry["resets"] = dict(derivation.resets)
    return entry


def _output_entry(output: TaskOutput, step: Step) -> dict[str, object]:
    cells = {port.name: port.cell_index for port in step.outputs}
    return {
        "port": output.port,
        "names": list(output.names),
        "cells": {name: cells[name] for name in output.names},
    }
