"""Linear chains of steps that run in one pod: which they are, and what the IR says of them.

A pod costs more than most steps: the driver's pod before it, the image, the packages. Merged steps
keep their processes, metrics, reports and names; only the pod is one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kernelpipe.backends.kfp.kfp_names import free_name, task_names
from kernelpipe.backends.kfp.payload import RUNTIME_OUTPUT
from kernelpipe.backends.kfp.spec import Json, filled
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.settings import StepSettings

Group = tuple[Task, ...]
"""Steps of one pod, in order."""


def find_chains(
    tasks: Sequence[Task], behind: Mapping[StepName, Collection[StepName]]
) -> tuple[Group, ...]:
    """Return all tasks in groups that may share a pod, in pipeline order of their first steps.

    A step joins the one before it if it waits for no other and no other waits for that one (order
    that follows from other order does not count), and if one pod does for both: its settings are
    the same, the same gates stand before both, and neither is tried again, timed, repeated for
    items or run on exit. A step whose metric a gate asks for is the last of its group, so that
    what is gated need not wait for more.

    Args:
        tasks: In pipeline order.
        behind: Step -> the gated steps whose gates must be open for it to run.
    """
    direct = _direct_predecessors(tasks)
    followers: dict[StepName, int] = {}
    for names in direct.values():
        for name in names:
            followers[name] = followers.get(name, 0) + 1
    asked = {step for task in tasks if task.gate for _, step in task.gate.metrics}
    groups: list[list[Task]] = []
    ending: dict[StepName, list[Task]] = {}
    for task in tasks:
        names = direct[task.step]
        group = ending.get(names[0]) if len(names) == 1 and followers[names[0]] == 1 else None
        if group is None or not (
            group[-1].step not in asked
            and behind[group[-1].step] == behind[task.step]
            and _pod_of(group[-1]) is not None
            and _pod_of(group[-1]) == _pod_of(task)
        ):
            group = []
            groups.append(group)
        group.append(task)
        ending[task.step] = group
    return tuple(tuple(group) for group in groups)


def _direct_predecessors(tasks: Sequence[Task]) -> dict[StepName, list[StepName]]:
    """Return step -> the steps right before it, without those that are before these."""
    before: dict[StepName, set[StepName]] = {}
    direct = {}
    for task in tasks:
        far = {name for each in task.after for name in before[each]}
        direct[task.step] = [each for each in task.after if each not in far]
        before[task.step] = far | set(task.after)
    return direct


def _pod_of(task: Task) -> StepSettings | None:
    """Return the settings that steps of one pod must have in common, None if it stands alone.

    An attempt of the pod would repeat the steps before the one that failed, and a time limit would
    be for all of them together.
    """
    settings = task.settings
    if settings.retry or settings.timeout_s is not None or task.loop is not None or task.is_exit:
        return None
    return replace(
        settings,
        cache=settings.cache is True,
        retry=None,
        backoff=None,
        when=None,
        report=None,
        checkpoint=None,
        register=None,
    )


def split_large(groups: Sequence[Group], fits: Callable[[Group], bool]) -> Iterator[Group]:
    """Yield the groups, those that do not fit one pod in parts that do (or are single steps)."""
    for group in groups:
        if fits(group):
            yield group
            continue
        part: Group = ()
        for task in group:
            if part and not fits((*part, task)):
                yield part
                part = ()
            part = (*part, task)
        yield part


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """The pods of a pipeline: ``groups`` holds every step once.

    ``steps`` is step -> its own name for KFP, which its ports in a merged task begin with;
    ``tasks`` is step -> the name of the task that runs it, ``first`` step -> the first step of its
    pod. ``inner`` are the values (step, port) that do not leave their pod.
    """

    groups: tuple[Group, ...]
    steps: Mapping[StepName, str]
    tasks: Mapping[StepName, str]
    first: Mapping[StepName, StepName]
    inner: frozenset[tuple[StepName, str]]

    @classmethod
    def of(cls, tasks: Sequence[Task], groups: Iterable[Group]) -> "Pods":
        """Return the pods of ``groups``; a task of several steps is called ``FIRST-to-LAST``.

        Args:
            tasks: In pipeline order.
            groups: The same tasks.
        """
        steps = task_names(task.step for task in tasks)
        pods = tuple(groups)
        taken = set(steps.values())
        owners: dict[StepName, str] = {}
        for group in pods:
            name = steps[group[0].step]
            if len(group) > 1:
                name = free_name(f"{name}-to-{steps[group[-1].step]}", taken)
                taken.add(name)
            owners |= dict.fromkeys((task.step for task in group), name)
        consumers: dict[tuple[StepName, str], set[str]] = {}
        for task in tasks:
            for key in task.arrivals:
                consumers.setdefault(key, set()).add(owners[task.step])
        return cls(
            groups=pods,
            steps=steps,
            tasks=owners,
            first={task.step: group[0].step for group in pods for task in group},
            inner=frozenset(key for key, found in consumers.items() if found == {owners[key[0]]}),
        )

    @property
    def merged(self) -> dict[str, tuple[StepName, ...]]:
        """The tasks that run several steps: name -> steps in order."""
        return {
            self.tasks[group[0].step]: tuple(task.step for task in group)
            for group in self.groups
            if len(group) > 1
        }

    def port(self, step: StepName, port: str) -> str:
        """Return what the task that runs ``step`` calls its output ``port``.

        Neither names of tasks nor ports have two dashes in a row.
        """
        if port == RUNTIME_OUTPUT or self.tasks[step] == self.steps[step]:
            return port
        return f"{self.steps[step]}--{port}"

    def ports(self, step: StepName, component: Json) -> dict[str, str]:
        """Return the artifacts of a step's component that leave the pod: port -> that name."""
        artifacts: Json = component.get("outputDefinitions", {}).get("artifacts", {})
        return {port: self.port(step, port) for port in artifacts if (step, port) not in self.inner}

    def join_components(self, group: Group, components: Sequence[Json]) -> Json:
        """Return the component of a pod, given those of its steps."""
        if len(group) == 1:
            return components[0]
        outputs: Json = {}
        told: Json = {}
        for task, component in zip(group, components, strict=True):
            definitions = component.get("outputDefinitions", {})
            told |= definitions.get("parameters", {})
            outputs |= {
                name: definitions["artifacts"][port]
                for port, name in self.ports(task.step, component).items()
            }
        inputs = self._joined_inputs(group, [each.get("inputDefinitions") for each in components])
        return filled(
            executorLabel=f"exec-{self.tasks[group[0].step]}",
            inputDefinitions=inputs,
            outputDefinitions=filled(artifacts=outputs, parameters=told),
        )

    def join_tasks(self, group: Group, entries: Sequence[Json]) -> Json:
        """Return the task of a pod, given those of its steps."""
        if len(group) == 1:
            return entries[0]
        own = self.tasks[group[0].step]
        after = {name for entry in entries for name in entry.get("dependentTasks", ())}
        inputs = self._joined_inputs(group, [each.get("inputs") for each in entries])
        joined = entries[0] | {"dependentTasks": sorted(after - {own}), "inputs": inputs}
        return {key: part for key, part in joined.items() if part}

    def _joined_inputs(self, group: Group, inputs: Sequence[Json | None]) -> Json:
        """Return all inputs, without the values that are made in the pod."""
        steps = {task.step for task in group}
        made = {f"{step}-{port}" for task in group for step, port in task.arrivals if step in steps}
        joined: dict[str, Json] = {"parameters": {}, "artifacts": {}}
        for each in inputs:
            for kind, entries in (each or {}).items():
                joined[kind] |= {name: x for name, x in entries.items() if name not in made}
        return filled(**joined)
