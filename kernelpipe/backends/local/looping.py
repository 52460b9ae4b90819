"""The steps that run once per item of a list (``foreach:``), as tasks of their own."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kernelpipe.compiler import Item, Task
from kernelpipe.errors import UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Loop, Pipeline
from kernelpipe.model.run import item_name
from kernelpipe.runtime.notebook import is_equal_json

Values = Mapping[tuple[StepName, str], str]
"""(step, port) -> digest of the stored value."""


def expand(
    tasks: Sequence[Task], pipeline: Pipeline, given: Mapping[str, object]
) -> tuple[Task, ...]:
    """Return the tasks with one more for each item of a loop.

    The loop's own task comes first and has nothing to run: its gate is looked at once, the items
    come after it, and what comes after the step comes after all of these. Items are not ordered
    unless they write to one file.

    Args:
        tasks: In pipeline order.
        pipeline: What they were lowered from.
        given: Parameter name -> JSON value, checked.

    Raises:
        UsageError: If there is no list to run over.
    """
    items = {
        task.step: tuple(_items(task, task.loop, pipeline, given))
        for task in tasks
        if task.loop is not None
    }
    found: list[Task] = []
    for task in tasks:
        found.append(replace(task, after=_with_items(task.after, items)))
        found += items.get(task.step, ())
    return tuple(found)


def _with_items(
    steps: Sequence[StepName], items: Mapping[StepName, Sequence[Task]]
) -> tuple[StepName, ...]:
    return tuple(name for step in steps for name in (step, *(t.step for t in items.get(step, ()))))


def _items(
    task: Task, loop: Loop, pipeline: Pipeline, given: Mapping[str, object]
) -> Iterator[Task]:
    values = [json.dumps(value) for value in _list(task, loop, pipeline, given)]
    for number, value in enumerate(values):
        repeats = values[:number].count(value)
        item = Item(step=task.step, number=number, loop=loop, value=value, repeats=repeats)
        name, after = item_name(task.step, number), [task.step]
        if loop.is_ordered and number:
            after.append(item_name(task.step, number - 1))
        yield replace(task, step=name, after=tuple(after), gate=None, loop=None, item=item)


def _list(
    task: Task, loop: Loop, pipeline: Pipeline, given: Mapping[str, object]
) -> Sequence[object]:
    (parameter,) = (p for p in pipeline.parameters if p.name == loop.parameter)
    default = json.loads(parameter.default)
    value = given.get(loop.parameter, default)
    if not isinstance(value, list):
        raise UsageError(
            f"parameter '{loop.parameter}': step '{task.step}' runs for each of its items, and it"
            f" is {value!r}",
            hint=f"give a list: -p {loop.parameter} '[a, b]'",
        )
    # What equals the default is not injected, so that 1.0 stays 1.0 where 1 is given.
    found: list[object] = default if is_equal_json(value, default) else value
    return found


def collected(loop: Task, items: Sequence[Task], values: Values) -> Values:
    """Return what a loop hands on, as far as all of its items have given theirs.

    Args:
        loop: Its own task.
        items: Their tasks, in order.
        values: What they gave.

    Returns:
        (loop's step, port) -> digest of the list, which is made of the items' digests.
    """
    found = {}
    for port in loop.outputs:
        digests = [values.get((item.step, port.port)) for item in items]
        if None not in digests:
            text = json.dumps(digests).encode()
            found[loop.step, port.port] = hashlib.sha256(text).hexdigest()
    return found


def items_by_step(tasks: Sequence[Task]) -> dict[StepName, tuple[Task, ...]]:
    """Return the step of each loop -> the tasks of its items, in order."""
    found: dict[StepName, tuple[Task, ...]] = {t.step: () for t in tasks if t.loop is not None}
    for task in tasks:
        if task.item is not None:
            found[task.item.step] += (task,)
    return found
