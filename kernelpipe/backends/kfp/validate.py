"""Check an IR file against the rules that the backend applies, and against our own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from kernelpipe.backends.kfp.dag_rules import check_dag
from kernelpipe.backends.kfp.executor_rules import check_executors, check_retries
from kernelpipe.backends.kfp.platform_rules import check_platform
from kernelpipe.backends.kfp.problem import Problem, at
from kernelpipe.backends.kfp.schema import check_schema
from kernelpipe.backends.kfp.spec import Json, Spec, mapping, text
from kernelpipe.backends.kfp.values import check_default

SCHEMA_VERSION: Final = "2.1.0"
RESERVED_OUTPUT: Final = "executor-logs"


def validate_ir(content: str | Sequence[object]) -> tuple[Problem, ...]:
    """Return every broken rule in an IR file, empty if there is none.

    KFP's own loader accepts most of these mistakes; the cluster does not, or runs the pipeline
    wrongly.

    Args:
        content: The YAML text or its documents: a pipeline spec and at most one platform spec.
    """
    documents: Sequence[object]
    if isinstance(content, str):
        import yaml

        try:
            documents = list(yaml.load_all(content, Loader=yaml.CSafeLoader))
        except yaml.YAMLError as error:
            return (Problem(path="", message=f"is not YAML: {error}"),)
    else:
        documents = content
    return tuple(_check_documents(documents))


def _check_documents(documents: Sequence[object]) -> Iterator[Problem]:
    pipelines: list[Json] = []
    platforms: list[Json] = []
    for index, document in enumerate(documents):
        if not isinstance(document, dict):
            yield Problem(path="", message=f"document {index + 1} is not a mapping")
        elif "platforms" in document:
            platforms.append(document)
        else:
            pipelines.append(document)
    if len(pipelines) != 1:
        yield Problem(path="", message=f"has {len(pipelines)} pipeline specs, must have one")
        return
    if len(platforms) > 1:
        yield Problem(path="", message=f"has {len(platforms)} platform specs, may have at most one")
    spec = Spec(pipelines[0])
    yield from check_schema(spec.document, "PipelineSpec", "")
    for rule in _RULES:
        yield from rule(spec)
    for platform in platforms[:1]:
        yield from check_schema(platform, "PlatformSpec", "")
        yield from check_platform(platform, spec)


def _check_header(spec: Spec) -> Iterator[Problem]:
    version = spec.document.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield Problem(path="schemaVersion", message=f"is {version!r}, must be {SCHEMA_VERSION!r}")
    name = text(mapping(spec.document.get("pipelineInfo")).get("name"))
    if not name:
        yield Problem(path="pipelineInfo.name", message="is missing")
    elif not spec.is_valid_name(name, limit=128):
        yield Problem(
            path="pipelineInfo.name",
            message=f"{name!r} is not lower-case letters, digits and dashes",
        )
    if "root" not in spec.document:
        yield Problem(path="root", message="is missing")
    elif "dag" not in spec.root:
        yield Problem(path="root.dag", message="is missing")


def _check_components(spec: Spec) -> Iterator[Problem]:
    used_by: dict[str, str] = {}
    for name, component in spec.components.items():
        path = at("components", name)
        kinds = [key for key in ("dag", "executorLabel") if key in component]
        if len(kinds) != 1:
            yield Problem(path=path, message="must have either a dag or an executorLabel")
        label = text(component.get("executorLabel"))
        if not label:
            continue
        if label not in spec.executors:
            yield Problem(
                path=at(path, "executorLabel"),
                message=f"no executor {label!r} in deploymentSpec.executors",
            )
        elif label in used_by:
            yield Problem(
                path=at(path, "executorLabel"),
                message=f"executor {label!r} is used by component {used_by[label]!r}, too",
            )
        used_by.setdefault(label, name)
    for label in sorted(set(spec.executors) - set(used_by)):
        yield Problem(path=at("deploymentSpec.executors", label), message="is used by no component")


def _check_definitions(spec: Spec) -> Iterator[Problem]:
    for path, component in spec.all_components():
        inputs = mapping(component.get("inputDefinitions"))
        for name, parameter in mapping(inputs.get("parameters")).items():
            place = at(path, "inputDefinitions", "parameters", name)
            yield from check_default(mapping(parameter), place)
        outputs = mapping(component.get("outputDefinitions"))
        for kind in ("artifacts", "parameters"):
            if RESERVED_OUTPUT in mapping(outputs.get(kind)):
                yield Problem(
                    path=at(path, "outputDefinitions", kind, RESERVED_OUTPUT),
                    message="is a name that the backend keeps for itself",
                )
        for direction in ("inputDefinitions", "outputDefinitions"):
            artifacts = mapping(mapping(component.get(direction)).get("artifacts"))
            for name, artifact in artifacts.items():
                kind_of = mapping(mapping(artifact).get("artifactType"))
                if not text(kind_of.get("schemaTitle")) or not text(kind_of.get("schemaVersion")):
                    yield Problem(
                        path=at(path, direction, "artifacts", name, "artifactType"),
                        message="must have a schemaTitle and a schemaVersion",
                    )


def _check_dags(spec: Spec) -> Iterator[Problem]:
    used_by: dict[str, str] = {}
    for path, component in spec.all_components():
        if "dag" in component:
            yield from check_dag(spec, component, path, used_by)
    for name in sorted(set(spec.components) - set(used_by)):
        yield Problem(path=at("components", name), message="is used by no task")


_RULES: Final[tuple[Callable[[Spec], Iterator[Problem]], ...]] = (
    _check_header,
    _check_components,
    _check_definitions,
    _check_dags,
    check_executors,
    check_retries,
)
