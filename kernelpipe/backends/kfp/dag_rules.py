"""Rules about tasks: references, order, and what flows along the edges."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kernelpipe.backends.kfp.problem import Problem, at
from kernelpipe.backends.kfp.spec import Json, Spec, definition, mapping, text, texts

_ANY_ARTIFACT = "system.Artifact"
_NAME_LIMIT = 63
_CONDITION_NAMES = re.compile(r"inputs\.parameter_values\['([^']*)'\]")


@dataclass(frozen=True, slots=True)
class _Task:
    """A task with its surroundings."""

    spec: Spec
    parent: Json
    siblings: Mapping[str, Json]
    name: str
    body: Json
    path: str

    @property
    def after(self) -> list[str]:
        return texts(self.body.get("dependentTasks"))

    @property
    def item_input(self) -> str:
        """The input that a loop gives to each of its iterations, '' if it is no loop."""
        return text(mapping(self.body.get("parameterIterator")).get("itemInput"))


def check_dag(spec: Spec, component: Json, path: str, used_by: dict[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with the tasks of one DAG.

    Args:
        spec: The whole spec.
        component: The component (or root) that has the DAG.
        path: Where it stands.
        used_by: Component name -> path of the task that uses it; filled up here.
    """
    bodies = {
        name: mapping(body)
        for name, body in mapping(mapping(component.get("dag")).get("tasks")).items()
    }
    tasks_path = at(path, "dag", "tasks")
    if not any(not _is_exit_task(body) for body in bodies.values()):
        yield Problem(path=tasks_path, message="must have a task that is no exit task")
    for name, body in bodies.items():
        task = _Task(spec, component, bodies, name, body, at(tasks_path, name))
        yield from _check_name(task)
        yield from _check_component(task, used_by)
        yield from _check_order(task)
        yield from _check_inputs(task)
        yield from _check_condition(task)
        yield from _check_iterator(task)
    yield from _check_cycles(bodies, tasks_path)
    yield from _check_outputs(spec, component, bodies, path)


def _is_exit_task(body: Json) -> bool:
    return mapping(body.get("triggerPolicy")).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"


def _check_name(task: _Task) -> Iterator[Problem]:
    if task.name == "root" or task.name.endswith("-driver"):
        yield Problem(path=task.path, message="is a name that the backend keeps for itself")
    elif not task.spec.is_valid_name(task.name, limit=_NAME_LIMIT):
        yield Problem(
            path=task.path,
            message="is not a name of at most 63 lower-case letters, digits and dashes",
        )
    shown = text(mapping(task.body.get("taskInfo")).get("name"))
    if shown != task.name:
        yield Problem(
            path=at(task.path, "taskInfo", "name"),
            message=f"is {shown!r}, must be {task.name!r}: drivers look tasks up by it",
        )
    if "artifactIterator" in task.body:
        yield Problem(
            path=at(task.path, "artifactIterator"), message="is refused by the Argo compiler"
        )


def _check_component(task: _Task, used_by: dict[str, str]) -> Iterator[Problem]:
    name = text(mapping(task.body.get("componentRef")).get("name"))
    place = at(task.path, "componentRef", "name")
    if name not in task.spec.components:
        yield Problem(path=place, message=f"no component {name!r}")
    elif name in used_by:
        yield Problem(
            path=place,
            message=f"component {name!r} is used by {used_by[name]}, too: outputs would mix",
        )
    used_by.setdefault(name, task.path)


def _check_order(task: _Task) -> Iterator[Problem]:
    place = at(task.path, "dependentTasks")
    if task.after != sorted(set(task.after)):
        yield Problem(path=place, message="must be sorted, without repetition")
    for name in task.after:
        if name == task.name:
            yield Problem(path=place, message="the task depends on itself")
        elif name not in task.siblings:
            yield Problem(path=place, message=f"no task {name!r}")


def _check_inputs(task: _Task) -> Iterator[Problem]:
    component = task.spec.component_of(task.body)
    if component is None:
        return
    given = mapping(task.body.get("inputs"))
    for kind in ("parameters", "artifacts"):
        inputs = mapping(given.get(kind))
        declared = mapping(mapping(component.get("inputDefinitions")).get(kind))
        for name, source in inputs.items():
            place = at(task.path, "inputs", kind, name)
            if name not in declared:
                yield Problem(path=place, message="is no input of the component")
            elif kind == "parameters":
                yield from _check_parameter(task, mapping(source), mapping(declared[name]), place)
            else:
                yield from _check_artifact(task, mapping(source), mapping(declared[name]), place)
        for name in sorted(set(declared) - set(inputs) - {task.item_input}):
            if not mapping(declared[name]).get("isOptional"):
                yield Problem(
                    path=at(task.path, "inputs", kind), message=f"input {name!r} gets no value"
                )


def _check_condition(task: _Task) -> Iterator[Problem]:
    """Yield names of a condition that drivers would not find: they stop the run."""
    given = mapping(mapping(task.body.get("inputs")).get("parameters"))
    condition = text(mapping(task.body.get("triggerPolicy")).get("condition"))
    for name in sorted(set(_CONDITION_NAMES.findall(condition)) - set(given)):
        yield Problem(
            path=at(task.path, "triggerPolicy", "condition"),
            message=f"{name!r} is no input of the task",
        )


def _check_iterator(task: _Task) -> Iterator[Problem]:
    """Yield what is wrong with a task that runs once per item of a list."""
    component = task.spec.component_of(task.body)
    if "parameterIterator" not in task.body or component is None:
        return
    iterator = mapping(task.body["parameterIterator"])
    place = at(task.path, "parameterIterator")
    declared = mapping(mapping(component.get("inputDefinitions")).get("parameters"))
    given = mapping(mapping(task.body.get("inputs")).get("parameters"))
    items = text(mapping(iterator.get("items")).get("inputParameter"))
    if "dag" not in component:
        yield Problem(path=place, message="needs a sub-DAG: an executor's outputs would mix")
    if items not in given:
        yield Problem(path=at(place, "items"), message=f"{items!r} is no input of the task")
    elif mapping(declared.get(items)).get("parameterType") != "LIST":
        yield Problem(path=at(place, "items"), message=f"{items!r} is no LIST")
    if task.item_input not in declared:
        yield Problem(
            path=at(place, "itemInput"),
            message=f"{task.item_input!r} is no input of the component",
        )
    elif task.item_input in given:
        yield Problem(
            path=at(place, "itemInput"), message=f"{task.item_input!r} gets another value, too"
        )
    if mapping(task.body.get("triggerPolicy")).get("condition"):
        yield Problem(
            path=at(task.path, "triggerPolicy", "condition"),
            message="a loop may not have one: what comes after it would run all the same",
        )
    limit = mapping(task.body.get("iteratorPolicy")).get("parallelismLimit", 0)
    if isinstance(limit, int) and limit < 0:
        yield Problem(
            path=at(task.path, "iteratorPolicy", "parallelismLimit"), message=f"is {limit}"
        )


def _check_outputs(
    spec: Spec, component: Json, bodies: Mapping[str, Json], path: str
) -> Iterator[Problem]:
    """Yield what is wrong with the artifacts that a DAG hands on."""
    declared = mapping(mapping(component.get("outputDefinitions")).get("artifacts"))
    selected = mapping(mapping(mapping(component.get("dag")).get("outputs")).get("artifacts"))
    place = at(path, "dag", "outputs", "artifacts")
    for name in sorted(set(declared) - set(selected)):
        yield Problem(path=place, message=f"output {name!r} comes from no task")
    for name, body in selected.items():
        selectors = mapping(body).get("artifactSelectors")
        here = at(place, name)
        if name not in declared:
            yield Problem(path=here, message="is no output of the component")
        elif not isinstance(selectors, list) or len(selectors) != 1:
            yield Problem(path=here, message="must have one selector: drivers take the last alone")
        else:
            selector = mapping(selectors[0])
            task, key = (
                text(selector.get("producerSubtask")),
                text(selector.get("outputArtifactKey")),
            )
            inner = spec.component_of(bodies[task]) if task in bodies else None
            found = definition(inner or {}, "outputDefinitions", "artifacts", key)
            if task not in bodies:
                yield Problem(path=here, message=f"no task {task!r}")
            elif found is None:
                yield Problem(path=here, message=f"no output {key!r} of task {task!r}")
            elif _title(found) != _title(mapping(declared[name])):
                yield Problem(
                    path=here, message=f"{key!r} is {_title(found)}, not {_title(declared[name])}"
                )


def _title(found: Json) -> object:
    return mapping(found.get("artifactType")).get("schemaTitle")


def _check_parameter(task: _Task, source: Json, declared: Json, path: str) -> Iterator[Problem]:
    wanted = declared.get("parameterType")
    if "componentInputParameter" in source:
        place = at(path, "componentInputParameter")
        name = text(source["componentInputParameter"])
        found = definition(task.parent, "inputDefinitions", "parameters", name)
        if found is None:
            yield Problem(path=place, message=f"no parameter {name!r}")
        elif found.get("parameterType") != wanted:
            yield Problem(
                path=place, message=f"{name!r} is {found.get('parameterType')}, needs {wanted}"
            )
    elif "taskOutputParameter" in source:
        place = at(path, "taskOutputParameter")
        output = mapping(source["taskOutputParameter"])
        name = text(output.get("outputParameterKey"))
        yield from _check_producer(task, output, place)
        found = _output(task, output, "parameters", name)
        if found is None:
            yield Problem(path=at(place, "outputParameterKey"), message=f"no output {name!r}")
        elif found.get("parameterType") != wanted:
            yield Problem(
                path=place, message=f"{name!r} is {found.get('parameterType')}, needs {wanted}"
            )
    elif len({"runtimeValue", "taskFinalStatus"} & set(source)) != 1:
        yield Problem(path=path, message="must say where the value comes from")


def _check_artifact(task: _Task, source: Json, declared: Json, path: str) -> Iterator[Problem]:
    wanted = _title(declared)
    if "taskOutputArtifact" in source:
        place = at(path, "taskOutputArtifact")
        output = mapping(source["taskOutputArtifact"])
        name = text(output.get("outputArtifactKey"))
        yield from _check_producer(task, output, place)
        found = _output(task, output, "artifacts", name)
        missing = at(place, "outputArtifactKey")
    elif "componentInputArtifact" in source:
        place = missing = at(path, "componentInputArtifact")
        name = text(source["componentInputArtifact"])
        found = definition(task.parent, "inputDefinitions", "artifacts", name)
    else:
        yield Problem(path=path, message="must say where the artifact comes from")
        return
    if found is None:
        yield Problem(path=missing, message=f"no artifact {name!r}")
        return
    if wanted not in (_title(found), _ANY_ARTIFACT):
        yield Problem(path=place, message=f"{name!r} is {_title(found)}, needs {wanted}")
    yield from _check_list(task, found, declared, place)


def _check_list(task: _Task, found: Json, declared: Json, path: str) -> Iterator[Problem]:
    """Yield what is wrong where a list of artifacts is given or expected."""
    is_list = found.get("isArtifactList") is True
    if is_list != (declared.get("isArtifactList") is True):
        what, other = ("a list", "one artifact") if is_list else ("one artifact", "a list")
        yield Problem(path=path, message=f"is {what}, where the component takes {other}")
    elif is_list and "dag" in (task.spec.component_of(task.body) or {}):
        yield Problem(path=path, message="of a list that enters a sub-DAG only one is left there")


def _check_producer(task: _Task, output: Json, path: str) -> Iterator[Problem]:
    producer = text(output.get("producerTask"))
    place = at(path, "producerTask")
    if producer not in task.siblings:
        yield Problem(path=place, message=f"no task {producer!r}")
    elif producer not in task.after:
        yield Problem(
            path=place, message=f"{producer!r} is not in dependentTasks: the value would race"
        )


def _output(task: _Task, output: Json, kind: str, name: str) -> Json | None:
    body = task.siblings.get(text(output.get("producerTask")))
    component = task.spec.component_of(body) if body is not None else None
    return definition(component, "outputDefinitions", kind, name) if component else None


def _check_cycles(bodies: Mapping[str, Json], path: str) -> Iterator[Problem]:
    left = {
        name: (set(texts(body.get("dependentTasks"))) & bodies.keys()) - {name}
        for name, body in bodies.items()
    }
    following: dict[str, list[str]] = {name: [] for name in left}
    for name, after in left.items():
        for producer in after:
            following[producer].append(name)
    ready = [name for name, after in left.items() if not after]
    while ready:
        done = ready.pop()
        del left[done]
        for name in following[done]:
            left[name].discard(done)
            if not left[name]:
                ready.append(name)
    if left:
        cycle = " -> ".join(_one_cycle(left))
        yield Problem(path=path, message=f"tasks wait for each other: {cycle}")


def _one_cycle(left: Mapping[str, set[str]]) -> list[str]:
    """Return one cycle, its first name repeated at the end; every task in ``left`` waits."""
    name = min(left)
    seen: list[str] = []
    while name not in seen:
        seen.append(name)
        name = min(left[name])
    return [*seen[seen.index(name) :], name]
