"""Draw a pipeline as text: one line per step, with lanes for what it waits for."""

from collections.abc import Mapping, Sequence

from kernelpipe.cli.control_flow import control_flow_texts
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import EdgeKind, Parameter, Pipeline, Step

_ASCII = str.maketrans("●│─├┤╰╯┴┼", "*|-|||||+")
_SHOWN_DEFAULT = 30
_SHOWN_NAMES = 5


def draw_text(pipeline: Pipeline, *, encoding: str = "utf-8") -> str:
    """Return the drawing; characters that ``encoding`` lacks are replaced by ASCII ones."""
    lanes = _draw_lanes(pipeline.steps)
    lane_width = max(map(len, lanes), default=0)
    name_width = max((len(step.name) for step in pipeline.steps), default=0)
    cells = [_cells_text(step) for step in pipeline.steps]
    cells_width = max(map(len, cells), default=0)
    lines = [_title(pipeline)]
    lines += [f"  {_parameter_text(parameter)}" for parameter in pipeline.parameters]
    lines += [""] if pipeline.steps else []
    for step, lane, place in zip(pipeline.steps, lanes, cells, strict=True):
        head = f"{lane:{lane_width}} {step.name:{name_width}}  {place:{cells_width}}  "
        lines.append((head + _details(step, pipeline)).rstrip())
    text = "\n".join(lines)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII)
    return text


def _title(pipeline: Pipeline) -> str:
    steps, parameters = len(pipeline.steps), len(pipeline.parameters)
    return f"{pipeline.name}: {_counted(steps, 'step')}, {_counted(parameters, 'parameter')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _parameter_text(parameter: Parameter) -> str:
    default = parameter.default
    if len(default) > _SHOWN_DEFAULT:
        default = default[: _SHOWN_DEFAULT - 3] + "..."
    return f"{parameter.name}: {parameter.type.value} = {default}"


def _cells_text(step: Step) -> str:
    """Return the indexes of the step's cells, runs of three or more as ranges."""
    parts: list[str] = []
    indexes = [cell.index for cell in step.cells]
    while indexes:
        length = 1
        while length < len(indexes) and indexes[length] == indexes[0] + length:
            length += 1
        if length > 2:  # noqa: PLR2004  # a range is no shorter than two numbers
            parts.append(f"{indexes[0]}-{indexes[length - 1]}")
        else:
            parts += [str(index) for index in indexes[:length]]
        indexes = indexes[length:]
    return f"cell{'' if len(step.cells) == 1 else 's'} {', '.join(parts)}"


def _details(step: Step, pipeline: Pipeline) -> str:
    """Return how it runs, what it takes from where, what it only waits for, and its metrics."""
    sources: dict[StepName | None, list[str]] = {}
    for port in step.inputs:
        sources.setdefault(port.source, []).append(port.name)
    order = {s.name: position for position, s in enumerate(pipeline.steps)}
    parts = list(control_flow_texts(step.settings))
    parts += [
        f"{_listed(sources[name])} <- {name}"
        for name in sorted((name for name in sources if name is not None), key=order.__getitem__)
    ]
    if None in sources:
        parts.append(f"{_listed(sources[None])} <- parameters")
    waits = [
        edge.producer
        for edge in pipeline.edges
        if edge.consumer == step.name
        and edge.kind is EdgeKind.ORDER
        and edge.producer not in sources
    ]
    if waits:
        parts.append(f"after {', '.join(waits)}")
    if step.metrics:
        parts.append(f"metrics: {', '.join(step.metrics)}")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    """Return the first of the names, hidden interpreter state ("@random") in words."""
    texts = [f"state of {name[1:]}" if name.startswith("@") else name for name in names]
    if len(texts) > _SHOWN_NAMES + 1:
        texts = [*texts[:_SHOWN_NAMES], f"{len(texts) - _SHOWN_NAMES} more"]
    return ", ".join(texts)


def _draw_lanes(steps: Sequence[Step]) -> list[str]:
    """Return one line of lanes per step.

    A lane is a column that belongs to a step until the last step that waits for it is drawn. A
    step takes the lane of a step that nothing else waits for, or else a free one.
    """
    waits = _direct_waits(steps)
    open_until = {
        producer: position for position, step in enumerate(steps) for producer in waits[step.name]
    }
    lanes: list[StepName | None] = []
    lines: list[str] = []
    for position, step in enumerate(steps):
        joined = [i for i, owner in enumerate(lanes) if owner in waits[step.name]]
        ending = {i for i in joined if open_until[_owner(lanes, i)] == position}
        column = min(ending) if ending else _free_lane(lanes)
        lines.append(_draw_row(lanes, column, set(joined), ending))
        for i in ending:
            lanes[i] = None
        lanes[column] = step.name if step.name in open_until else None
    return lines


def _owner(lanes: Sequence[StepName | None], column: int) -> StepName:
    owner = lanes[column]
    if owner is None:
        raise ValueError(f"lane {column} is free")
    return owner


def _free_lane(lanes: list[StepName | None]) -> int:
    if None in lanes:
        return lanes.index(None)
    lanes.append(None)
    return len(lanes) - 1


def _draw_row(
    lanes: Sequence[StepName | None], column: int, joined: set[int], ending: set[int]
) -> str:
    """Return the lanes with the step at ``column``, tied to the lanes in ``joined``."""
    first, last = min(joined | {column}), max(joined | {column})
    row = ""
    for i, owner in enumerate(lanes):
        if i == column:
            row += "●"
        elif i in joined:
            row += _join_character(i, column, is_end=i in (first, last), is_ending=i in ending)
        elif owner is not None:
            row += "│"
        else:
            row += "─" if first < i < last else " "
        row += "─" if first <= i < last else " "
    return row.rstrip()


def _join_character(i: int, column: int, *, is_end: bool, is_ending: bool) -> str:
    if not is_end:
        return "┴" if is_ending else "┼"
    if i < column:
        return "╰" if is_ending else "├"
    return "╯" if is_ending else "┤"


def _direct_waits(steps: Sequence[Step]) -> Mapping[StepName, frozenset[StepName]]:
    """Return the steps that each step waits for, less those that another of them waits for."""
    before: dict[StepName, frozenset[StepName]] = {}
    for step in steps:
        indirect = (before.get(name, frozenset()) for name in step.after)
        before[step.name] = frozenset(step.after).union(*indirect)
    return {
        step.name: frozenset(step.after).difference(
            *(before.get(name, frozenset()) for name in step.after)
        )
        for step in steps
    }
