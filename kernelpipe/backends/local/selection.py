"""Which steps of a pipeline a request is about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kernelpipe.backends.local.request import RunRequest
from kernelpipe.compiler import Task
from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.model.names import StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """``left_out`` takes no part; ``forced`` is step -> why it runs anew whatever is stored.

    ``must_be_found`` are steps that may not run, though their results are needed.
    """

    left_out: frozenset[StepName]
    forced: Mapping[StepName, str]
    must_be_found: frozenset[StepName]


def select(tasks: Sequence[Task], request: RunRequest) -> Selection:
    """Return what ``request`` means for the steps of ``tasks``.

    A request names a loop's step, and means all of its items.

    Raises:
        UsageError: If it names a step that does not exist, or contradicts itself.
    """
    parts: dict[StepName, list[StepName]] = {}
    for task in tasks:
        parts.setdefault(task.public_step, []).append(task.step)
    for option in (request.only, request.start_from, request.until):
        _check_names(option, list(parts))
    only, start_from, until = (
        [part for name in option for part in parts[name]]
        for option in (request.only, request.start_from, request.until)
    )
    known = [task.step for task in tasks]
    if request.only and (request.start_from or request.until):
        raise UsageError("--only cannot be combined with --from and --until")
    before = {task.step: task.after for task in tasks}
    after: dict[StepName, list[StepName]] = {step: [] for step in known}
    for task in tasks:
        for step in task.after:
            after[step].append(task.step)
    taking_part = set(known)
    if until:
        taking_part = _closure(until, before)
        taking_part |= {task.step for task in tasks if task.is_exit}
    if only:
        taking_part = _closure(only, before)
    forced = dict.fromkeys(_closure(start_from, after), "asked for with --from")
    forced |= dict.fromkeys(only, "asked for with --only")
    if not request.is_cache_used:
        forced = dict.fromkeys(known, "asked for with --no-cache") | forced
    if missing := sorted(set(request.start_from) - taking_part):
        raise UsageError(f"--from '{missing[0]}' is not among the steps that --until asks for")
    return Selection(
        left_out=frozenset(known) - taking_part,
        forced=forced,
        must_be_found=frozenset(taking_part - set(only)) if only else frozenset(),
    )


def _check_names(names: Iterable[StepName], known: Sequence[StepName]) -> None:
    for name in names:
        if name not in known:
            whole = name.partition("[")[0]
            hint = did_you_mean(name, known) or f"the steps are: {', '.join(known)}"
            if whole in known:
                hint = f"items are not chosen one by one: '{whole}' means all of them"
            raise UsageError(f"there is no step '{name}'", hint=hint)


def _closure(
    start: Iterable[StepName], neighbours: Mapping[StepName, Sequence[StepName]]
) -> set[StepName]:
    """Return the steps of ``start`` and all that can be reached from them."""
    found: set[StepName] = set()
    waiting = list(start)
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(neighbours[step])
    return found
