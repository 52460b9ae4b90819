"""Rules about executors: containers, argument sizes, placeholders, resources, retries."""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

from kernelpipe.backends.kfp.problem import Problem, at
from kernelpipe.backends.kfp.spec import Json, Spec, mapping, text, texts
from kernelpipe.notebook.values import parse_quantity

ARGUMENT_LIMIT: Final = 131_071
"""Bytes of the longest argument that Linux passes to a program; the backend hands a container's
whole description to its driver in one."""
EXECUTOR_INPUT: Final = "{{$}}"
_STUBS: Final = ("argostub/createpvc", "argostub/deletepvc")
_BYTES_PER_GB: Final = 1e9
_AMOUNTS: Final = (
    "resourceCpuLimit",
    "resourceMemoryLimit",
    "resourceCpuRequest",
    "resourceMemoryRequest",
)
_PLACEHOLDER: Final = re.compile(r"\{\{.{0,40}")


def check_executors(spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong with the executors' containers."""
    for label, executor in spec.executors.items():
        path = at("deploymentSpec.executors", label)
        if len(executor) != 1:
            yield Problem(path=path, message="must have one kind: container, importer, ...")
        if "container" in executor:
            yield from _check_container(mapping(executor["container"]), at(path, "container"))


def _check_container(container: Json, path: str) -> Iterator[Problem]:
    image = text(container.get("image"))
    if not image:
        yield Problem(path=at(path, "image"), message="is missing")
    elif image in _STUBS:
        yield Problem(
            path=at(path, "image"), message=f"is {image!r}, with which the backend runs no step"
        )
    yield from _check_text(image, at(path, "image"))
    for key in ("command", "args"):
        for index, argument in enumerate(texts(container.get(key))):
            place = f"{at(path, key)}[{index}]"
            size = len(argument.encode())
            if size > ARGUMENT_LIMIT:
                yield Problem(
                    path=place, message=f"is {size} bytes long, the limit is {ARGUMENT_LIMIT}"
                )
            if argument != EXECUTOR_INPUT:
                yield from _check_text(argument, place)
    yield from _check_resources(mapping(container.get("resources")), at(path, "resources"))
    size = len(json.dumps(container, ensure_ascii=False).encode())
    if size > ARGUMENT_LIMIT:
        yield Problem(path=path, message=f"is {size} bytes as JSON, the limit is {ARGUMENT_LIMIT}")
    environment = container.get("env")
    yield from _check_names(environment, at(path, "env"))
    for index, variable in enumerate(environment if isinstance(environment, list) else []):
        value = text(mapping(variable).get("value"))
        yield from _check_text(value, f"{at(path, 'env')}[{index}].value")


def _check_text(content: str, path: str) -> Iterator[Problem]:
    found = _PLACEHOLDER.search(content)
    if found:
        yield Problem(path=path, message=f"holds the placeholder {found.group()!r}")


def _check_resources(resources: Json, path: str) -> Iterator[Problem]:
    """Yield what is wrong with amounts: old backends read numbers, new ones the texts."""
    for key in _AMOUNTS:
        amount = resources.get(key)
        if amount is not None and parse_quantity(text(amount)) is None:
            yield Problem(path=at(path, key), message=f"is {amount!r}, must be a quantity")
    for resource, scale in (("Cpu", 1.0), ("Memory", _BYTES_PER_GB)):
        for kind in ("Limit", "Request"):
            old, new = f"{resource.lower()}{kind}", f"resource{resource}{kind}"
            number, amount = resources.get(old), parse_quantity(text(resources.get(new)))
            if not isinstance(number, int | float) or amount is None:
                continue
            if not math.isclose(number * scale, amount, rel_tol=1e-6):
                yield Problem(path=at(path, old), message=f"is {number}, but {new} says otherwise")
        asked = parse_quantity(text(resources.get(f"resource{resource}Request")))
        limit = parse_quantity(text(resources.get(f"resource{resource}Limit")))
        if asked is not None and limit is not None and asked > limit:
            yield Problem(
                path=at(path, f"resource{resource}Request"), message="is more than the limit"
            )


def _check_names(environment: object, path: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, variable in enumerate(environment if isinstance(environment, list) else []):
        name = text(mapping(variable).get("name"))
        if not name or "=" in name:
            yield Problem(path=f"{path}[{index}].name", message=f"{name!r} names no variable")
        elif name in seen:
            yield Problem(path=f"{path}[{index}].name", message=f"{name!r} is set before")
        seen.add(name)


def check_retries(spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong with how often and when tasks are tried again."""
    for owner, component in spec.all_components():
        for name, task in mapping(mapping(component.get("dag")).get("tasks")).items():
            policy = mapping(mapping(task).get("retryPolicy"))
            path = at(owner, "dag", "tasks", name, "retryPolicy")
            count, factor = policy.get("maxRetryCount", 0), policy.get("backoffFactor", 2)
            if str(count).startswith("-"):
                yield Problem(path=at(path, "maxRetryCount"), message=f"is {count}, below zero")
            if isinstance(factor, int | float) and (factor < 1 or factor != int(factor)):
                yield Problem(
                    path=at(path, "backoffFactor"),
                    message=f"is {factor}: Argo takes whole numbers of at least 1",
                )
            for key in ("backoffDuration", "backoffMaxDuration"):
                if str(policy.get(key, "")).startswith("-"):
                    yield Problem(path=at(path, key), message=f"is {policy[key]}, below zero")
