"""Rules about executors: containers, argument sizes, placeholders, and Kubernetes settings."""

import json
import re
from collections.abc import Iterator
from typing import Final

from kernelpipe.backends.kfp.problem import Problem, at
from kernelpipe.backends.kfp.spec import Json, Spec, mapping, text, texts

ARGUMENT_LIMIT: Final = 131_071
"""Bytes of the longest argument that Linux passes to a program; the backend hands a container's
whole description to its driver in one."""
EXECUTOR_INPUT: Final = "{{$}}"
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
    if not text(container.get("image")):
        yield Problem(path=at(path, "image"), message="is missing")
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
    size = len(json.dumps(container, ensure_ascii=False).encode())
    if size > ARGUMENT_LIMIT:
        yield Problem(path=path, message=f"is {size} bytes as JSON, the limit is {ARGUMENT_LIMIT}")
    environment = container.get("env")
    for index, variable in enumerate(environment if isinstance(environment, list) else []):
        value = text(mapping(variable).get("value"))
        yield from _check_text(value, f"{at(path, 'env')}[{index}].value")


def _check_text(content: str, path: str) -> Iterator[Problem]:
    found = _PLACEHOLDER.search(content)
    if found:
        yield Problem(path=path, message=f"holds the placeholder {found.group()!r}")


def check_platform(platform: Json, spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong with the platform document of ``spec``."""
    platforms = mapping(platform.get("platforms"))
    for name in sorted(set(map(str, platforms)) - {"kubernetes"}):
        yield Problem(path=at("platforms", name), message="only kubernetes is known")
    deployment = mapping(mapping(platforms.get("kubernetes")).get("deploymentSpec"))
    for label in mapping(deployment.get("executors")):
        if label not in spec.executors:
            yield Problem(
                path=at("platforms.kubernetes.deploymentSpec.executors", str(label)),
                message="no such executor in the pipeline spec",
            )
