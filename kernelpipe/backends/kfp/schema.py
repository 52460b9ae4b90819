"""The fields of the IR's messages, to find what the backend's strict reader would refuse.

The tables repeat ``PipelineSpec``, ``PipelineDeploymentConfig``, ``PlatformSpec`` and
``KubernetesExecutorConfig`` of KFP 2.17 in the JSON spelling. A type is the name of a message or of
a scalar; ``[T]`` is a list and ``{T}`` a map from text to T.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from kernelpipe.backends.kfp.problem import Problem, at

PARAMETER_TYPES: Final = frozenset(
    {
        "BOOLEAN",
        "LIST",
        "NUMBER_DOUBLE",
        "NUMBER_INTEGER",
        "STRING",
        "STRUCT",
        "TASK_CONFIG",
        "TASK_FINAL_STATUS",
    }
)
_STRATEGIES: Final = frozenset(
    {
        "TRIGGER_STRATEGY_UNSPECIFIED",
        "ALL_UPSTREAM_TASKS_SUCCEEDED",
        "ALL_UPSTREAM_TASKS_COMPLETED",
    }
)
_DURATION: Final = re.compile(r"-?\d+(\.\d{1,9})?s")
_TEXT: Final = frozenset({str})
_INT64_TEXT: Final = re.compile(r"-?\d+")

MESSAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "PipelineSpec": {
        "pipelineInfo": "PipelineInfo",
        "deploymentSpec": "DeploymentConfig",
        "sdkVersion": "string",
        "schemaVersion": "string",
        "components": "{ComponentSpec}",
        "root": "ComponentSpec",
        "defaultPipelineRoot": "string",
    },
    "PipelineInfo": {"name": "string", "displayName": "string", "description": "string"},
    "ComponentSpec": {
        "inputDefinitions": "InputDefinitions",
        "outputDefinitions": "OutputDefinitions",
        "dag": "DagSpec",
        "executorLabel": "string",
        "singlePlatformSpecs": "[any]",
        "taskConfigPassthroughs": "[any]",
    },
    "InputDefinitions": {"artifacts": "{InputArtifact}", "parameters": "{InputParameter}"},
    "InputArtifact": {
        "artifactType": "ArtifactType",
        "isArtifactList": "bool",
        "isOptional": "bool",
        "description": "string",
    },
    "InputParameter": {
        "parameterType": "parameterType",
        "defaultValue": "any",
        "isOptional": "bool",
        "description": "string",
        "literals": "[any]",
    },
    "OutputDefinitions": {"artifacts": "{OutputArtifact}", "parameters": "{OutputParameter}"},
    "OutputArtifact": {
        "artifactType": "ArtifactType",
        "properties": "{any}",
        "customProperties": "{any}",
        "metadata": "{any}",
        "isArtifactList": "bool",
        "description": "string",
    },
    "OutputParameter": {"parameterType": "parameterType", "description": "string"},
    "ArtifactType": {
        "schemaTitle": "string",
        "schemaUri": "string",
        "instanceSchema": "string",
        "schemaVersion": "string",
    },
    "DagSpec": {"tasks": "{TaskSpec}", "outputs": "DagOutputs"},
    "DagOutputs": {"artifacts": "{DagArtifact}", "parameters": "{any}"},
    "DagArtifact": {"artifactSelectors": "[ArtifactSelector]"},
    "ArtifactSelector": {"producerSubtask": "string", "outputArtifactKey": "string"},
    "TaskSpec": {
        "taskInfo": "TaskInfo",
        "inputs": "TaskInputs",
        "dependentTasks": "[string]",
        "cachingOptions": "CachingOptions",
        "componentRef": "ComponentRef",
        "triggerPolicy": "TriggerPolicy",
        "artifactIterator": "{any}",
        "parameterIterator": "ParameterIterator",
        "retryPolicy": "RetryPolicy",
        "iteratorPolicy": "IteratorPolicy",
    },
    "TaskInfo": {"name": "string"},
    "ComponentRef": {"name": "string"},
    "CachingOptions": {"enableCache": "bool", "cacheKey": "string"},
    "TriggerPolicy": {"condition": "string", "strategy": "strategy"},
    "RetryPolicy": {
        "maxRetryCount": "int",
        "backoffDuration": "duration",
        "backoffFactor": "number",
        "backoffMaxDuration": "duration",
    },
    "IteratorPolicy": {"parallelismLimit": "int"},
    "ParameterIterator": {"items": "ParameterItems", "itemInput": "string"},
    "ParameterItems": {"raw": "string", "inputParameter": "string"},
    "TaskInputs": {"parameters": "{TaskParameter}", "artifacts": "{TaskArtifact}"},
    "TaskParameter": {
        "taskOutputParameter": "TaskOutputParameter",
        "runtimeValue": "RuntimeValue",
        "componentInputParameter": "string",
        "taskFinalStatus": "TaskFinalStatus",
        "parameterExpressionSelector": "string",
    },
    "TaskOutputParameter": {"producerTask": "string", "outputParameterKey": "string"},
    "TaskFinalStatus": {"producerTask": "string"},
    "RuntimeValue": {"constant": "any", "runtimeParameter": "string"},
    "TaskArtifact": {
        "taskOutputArtifact": "TaskOutputArtifact",
        "componentInputArtifact": "string",
    },
    "TaskOutputArtifact": {"producerTask": "string", "outputArtifactKey": "string"},
    "DeploymentConfig": {"executors": "{ExecutorSpec}"},
    "ExecutorSpec": {
        "container": "Container",
        "importer": "{any}",
        "resolver": "{any}",
        "customJob": "{any}",
    },
    "Container": {
        "image": "string",
        "command": "[string]",
        "args": "[string]",
        "lifecycle": "{any}",
        "resources": "Resources",
        "env": "[EnvVar]",
    },
    "EnvVar": {"name": "string", "value": "string"},
    "Resources": {
        "cpuLimit": "number",
        "memoryLimit": "number",
        "cpuRequest": "number",
        "memoryRequest": "number",
        "resourceCpuLimit": "string",
        "resourceMemoryLimit": "string",
        "resourceCpuRequest": "string",
        "resourceMemoryRequest": "string",
        "accelerator": "Accelerator",
    },
    "Accelerator": {
        "type": "string",
        "count": "int",
        "resourceType": "string",
        "resourceCount": "string",
    },
    "PlatformSpec": {"platforms": "{SinglePlatform}"},
    "SinglePlatform": {
        "deploymentSpec": "PlatformDeployment",
        "platform": "string",
        "config": "{any}",
        "pipelineConfig": "PipelineConfig",
    },
    "PlatformDeployment": {"executors": "{KubernetesExecutor}"},
    "PipelineConfig": {
        "resourceTtlOnCompletion": "int32",
        "workspace": "Workspace",
        "resourceTtlOnSuccess": "int32",
        "resourceTtlOnFailure": "int32",
        "activeDeadlineSeconds": "int32",
    },
    "Workspace": {"size": "string", "kubernetes": "KubernetesWorkspace"},
    "KubernetesWorkspace": {"pvcSpecPatch": "{any}"},
    "KubernetesExecutor": {
        "secretAsVolume": "[SecretAsVolume]",
        "secretAsEnv": "[SecretAsEnv]",
        "pvcMount": "[PvcMount]",
        "nodeSelector": "NodeSelector",
        "podMetadata": "PodMetadata",
        "imagePullSecret": "[ImagePullSecret]",
        "imagePullPolicy": "string",
        "configMapAsVolume": "[ConfigMapAsVolume]",
        "configMapAsEnv": "[ConfigMapAsEnv]",
        "activeDeadlineSeconds": "int",
        "fieldPathAsEnv": "[FieldPathAsEnv]",
        "tolerations": "[Toleration]",
        "genericEphemeralVolume": "[EphemeralVolume]",
        "nodeAffinity": "[any]",
        "podAffinity": "[any]",
        "enabledSharedMemory": "{any}",
        "emptyDirMounts": "[EmptyDirMount]",
        "securityContext": "SecurityContext",
    },
    "SecretAsVolume": {
        "secretName": "string",
        "mountPath": "string",
        "optional": "bool",
        "secretNameParameter": "TaskParameter",
    },
    "SecretAsEnv": {
        "secretName": "string",
        "keyToEnv": "[SecretKeyToEnv]",
        "optional": "bool",
        "secretNameParameter": "TaskParameter",
    },
    "SecretKeyToEnv": {"secretKey": "string", "envVar": "string"},
    "ConfigMapAsVolume": {
        "configMapName": "string",
        "mountPath": "string",
        "optional": "bool",
        "configMapNameParameter": "TaskParameter",
    },
    "ConfigMapAsEnv": {
        "configMapName": "string",
        "keyToEnv": "[ConfigMapKeyToEnv]",
        "optional": "bool",
        "configMapNameParameter": "TaskParameter",
    },
    "ConfigMapKeyToEnv": {"configMapKey": "string", "envVar": "string"},
    "PvcMount": {
        "taskOutputParameter": "TaskOutputParameter",
        "constant": "string",
        "componentInputParameter": "string",
        "mountPath": "string",
        "pvcNameParameter": "TaskParameter",
        "subPath": "string",
    },
    "NodeSelector": {"labels": "{string}", "nodeSelectorJson": "TaskParameter"},
    "PodMetadata": {"labels": "{string}", "annotations": "{string}"},
    "ImagePullSecret": {"secretName": "string", "secretNameParameter": "TaskParameter"},
    "FieldPathAsEnv": {"name": "string", "fieldPath": "string"},
    "Toleration": {
        "key": "string",
        "operator": "string",
        "value": "string",
        "effect": "string",
        "tolerationSeconds": "int",
        "tolerationJson": "TaskParameter",
    },
    "EphemeralVolume": {
        "volumeName": "string",
        "mountPath": "string",
        "accessModes": "[string]",
        "size": "string",
        "defaultStorageClass": "bool",
        "storageClassName": "string",
        "metadata": "PodMetadata",
    },
    "EmptyDirMount": {
        "volumeName": "string",
        "mountPath": "string",
        "medium": "string",
        "sizeLimit": "string",
    },
    "SecurityContext": {"runAsUser": "int", "runAsGroup": "int", "runAsNonRoot": "bool"},
}


def _is_int(value: object) -> bool:
    if isinstance(value, str):
        return _INT64_TEXT.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def _is_int32(value: object) -> bool:
    return _is_int(value) and -(2**31) <= int(str(value)) < 2**31


_SCALARS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "any": (lambda _: True, "anything"),
    "string": (lambda value: isinstance(value, str), "text"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "int": (_is_int, "a whole number"),
    "int32": (_is_int32, "a whole number of 32 bits"),
    "number": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "a number",
    ),
    "duration": (
        lambda value: isinstance(value, str) and _DURATION.fullmatch(value) is not None,
        "a duration like '30s'",
    ),
    "parameterType": (lambda value: value in PARAMETER_TYPES, "a parameter type like STRING"),
    "strategy": (lambda value: value in _STRATEGIES, "a trigger strategy"),
}


def check_schema(value: object, message: str, path: str) -> Iterator[Problem]:
    """Yield what a strict reader refuses in ``value``: unknown fields and wrong types.

    Args:
        value: Parsed YAML.
        message: A type as in the tables.
        path: Where ``value`` stands, empty for a whole document.
    """
    if not _fitting(message)(value):  # places are looked for only where something is wrong
        yield from _problems(value, message, path)


@functools.cache
def _fitting(message: str) -> Callable[[object], bool]:
    """Return what tells quickly whether a value is of a type."""
    if message in _SCALARS:
        return _SCALARS[message][0]
    if message[0] in "[{":
        fits_item = _fitting(message[1:-1])
        if message[0] == "[":
            return lambda value: isinstance(value, list) and all(map(fits_item, value))
        return lambda value: (
            isinstance(value, dict)
            and set(map(type, value)) <= _TEXT
            and all(map(fits_item, value.values()))
        )
    fields = {key: _fitting(kind) for key, kind in MESSAGES[message].items()}

    def fits(value: object) -> bool:
        if not isinstance(value, dict) or not value.keys() <= fields.keys():
            return False
        return all(fields[key](item) for key, item in value.items())

    return fits


def _problems(value: object, message: str, path: str) -> Iterator[Problem]:
    if message[0] == "[":
        yield from _check_list(value, message[1:-1], path)
    elif message[0] == "{":
        yield from _check_map(value, message[1:-1], path)
    elif message in _SCALARS:
        accepts, expected = _SCALARS[message]
        if not accepts(value):
            yield Problem(path=path, message=f"is {_shown(value)}, must be {expected}")
    else:
        yield from _check_message(value, message, path)


def _check_list(value: object, item_type: str, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path=path, message=f"is {_shown(value)}, must be a list")
        return
    for index, item in enumerate(value):
        yield from _problems(item, item_type, f"{path}[{index}]")


def _check_map(value: object, item_type: str, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path=path, message=f"is {_shown(value)}, must be a mapping")
        return
    for key, item in value.items():
        if isinstance(key, str):
            yield from _problems(item, item_type, at(path, key))
        else:
            yield Problem(path=path, message=f"has the key {_shown(key)}, which is not text")


def _check_message(value: object, message: str, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path=path, message=f"is {_shown(value)}, must be a mapping")
        return
    fields = MESSAGES[message]
    for key, item in value.items():
        if key in fields:
            yield from _problems(item, fields[key], at(path, key))
        else:
            yield Problem(path=at(path, str(key)), message=f"is not a field of {message}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - fits a line
