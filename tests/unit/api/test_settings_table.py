"""Every setting: tag or metadata in, fields of the IR out, and what a run on this machine does."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import kit
import pytest

from kernelpipe import api
from kernelpipe.backends import kfp, local
from kernelpipe.backends.kfp.ir import build
from kernelpipe.compiler import lower
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.settings import (
    Backoff,
    ClusterPlace,
    ConfigMapEnv,
    Foreach,
    MetadataEntry,
    Mount,
    MountKind,
    NamedText,
    PipelineSettings,
    PullPolicy,
    ResourceLimit,
    SecretEnv,
    StepSettings,
    TimeToLive,
    Toleration,
    Workspace,
)

JSON = dict[str, Any]
HONOURED: Final = ""
"""What a backend says of a setting that it honours."""
CONTAINER: Final = "deploymentSpec/executors/exec-a/container"
TASK: Final = "root/dag/tasks/a"
POD: Final = "platforms/kubernetes/deploymentSpec/executors/exec-a"
CONFIG: Final = "platforms/kubernetes/pipelineConfig"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to write a setting, and what becomes of it.

    ``ir`` is path -> value in the pipeline spec or, below ``platforms``, in the platform spec;
    ``kfp`` and ``local`` are the severity with which that backend reports it (KP401), "" when it
    honours it.
    """

    field: str
    value: object
    tags: tuple[str, ...] = ()
    cell: JSON = field(default_factory=dict)
    notebook: JSON = field(default_factory=dict)
    ir: JSON = field(default_factory=dict)
    kfp: str = HONOURED
    local: str = HONOURED


def constant(name: str) -> JSON:
    """Return how new backends are told a name."""
    return {"runtimeValue": {"constant": name}}


RETRY: Final = {"count": 3, "pause": "10s", "factor": 3, "within": "1h"}
TOLERATION: Final = {"key": "dedicated", "value": "ml", "effect": "NoExecute", "seconds": 60}
EPHEMERAL: Final = {"ephemeral": "scratch", "path": "/scratch", "size": "10Gi"}
SECRET, FILES = "db", "files"

STEP_ROWS: Final = {
    "image": Row(
        field="image",
        value="team/image:1",
        tags=("image:team/image:1",),
        ir={f"{CONTAINER}/image": "team/image:1"},
        local="warning",
    ),
    "cpu": Row(
        field="cpu",
        value="500m",
        tags=("cpu:500m",),
        ir={
            f"{CONTAINER}/resources/cpuLimit": 0.5,
            f"{CONTAINER}/resources/resourceCpuLimit": "500m",
        },
    ),
    "limit-cpu": Row(
        field="cpu",
        value="2",
        tags=("limit:cpu:2",),
        ir={f"{CONTAINER}/resources/resourceCpuLimit": "2"},
    ),
    "memory": Row(
        field="memory",
        value="4Gi",
        tags=("memory:4Gi",),
        ir={
            f"{CONTAINER}/resources/memoryLimit": 4.294967296,
            f"{CONTAINER}/resources/resourceMemoryLimit": "4Gi",
        },
    ),
    "request-cpu": Row(
        field="cpu_request",
        value="250m",
        tags=("request:cpu:250m",),
        ir={
            f"{CONTAINER}/resources/cpuRequest": 0.25,
            f"{CONTAINER}/resources/resourceCpuRequest": "250m",
        },
    ),
    "request-memory": Row(
        field="memory_request",
        value="1G",
        tags=("request:memory:1G",),
        ir={
            f"{CONTAINER}/resources/memoryRequest": 1.0,
            f"{CONTAINER}/resources/resourceMemoryRequest": "1G",
        },
    ),
    "gpu": Row(
        field="gpu",
        value=2,
        tags=("gpu:2",),
        ir={
            f"{CONTAINER}/resources/accelerator": {
                "type": "nvidia.com/gpu",
                "count": "2",
                "resourceType": "nvidia.com/gpu",
                "resourceCount": "2",
            }
        },
        local="warning",
    ),
    "limit-gpu": Row(
        field="gpu_type",
        value="amd.com/gpu",
        tags=("limit:amd.com/gpu:1",),
        ir={
            f"{CONTAINER}/resources/accelerator/resourceType": "amd.com/gpu",
            f"{CONTAINER}/resources/accelerator/resourceCount": "1",
        },
        local="warning",
    ),
    "limit-device": Row(
        field="limits",
        value=(ResourceLimit(resource="x.y/fpga", amount="1"),),
        tags=("limit:x.y/fpga:1",),
        ir={f"{CONTAINER}/resources/accelerator/resourceType": "x.y/fpga"},
        local="warning",
    ),
    "limit-without-a-place": Row(
        field="limits",
        value=(ResourceLimit(resource="ephemeral-storage", amount="1Gi"),),
        tags=("limit:ephemeral-storage:1Gi",),
        kfp="warning",
        local="warning",
    ),
    "retry": Row(
        field="retry",
        value=2,
        tags=("retry:2",),
        ir={
            f"{TASK}/retryPolicy": {
                "maxRetryCount": 2,
                "backoffDuration": "0s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": "604800s",
            }
        },
    ),
    "retry-with-pauses": Row(
        field="backoff",
        value=Backoff(first_s=10, factor=3, within_s=3600),
        cell={"retry": RETRY},
        ir={
            f"{TASK}/retryPolicy": {
                "maxRetryCount": 3,
                "backoffDuration": "10s",
                "backoffFactor": 3.0,
                "backoffMaxDuration": "3600s",
            }
        },
    ),
    "timeout": Row(
        field="timeout_s",
        value=90.0,
        tags=("timeout:90s",),
        ir={f"{POD}/activeDeadlineSeconds": "90"},
    ),
    "cache-on": Row(
        field="cache",
        value=True,
        tags=("cache:on",),
        ir={f"{TASK}/cachingOptions": {"enableCache": True}},
    ),
    "cache-off": Row(
        field="cache",
        value=False,
        tags=("cache:off",),
        ir={f"{TASK}/cachingOptions": {"enableCache": False}},
    ),
    "env": Row(
        field="env",
        value=(NamedText(key="MODE", value="fast"),),
        tags=("env:MODE:fast",),
        ir={f"{CONTAINER}/env/0": {"name": "MODE", "value": "fast"}},
    ),
    "env-with-a-comma": Row(
        field="env",
        value=(NamedText(key="MODE", value="a,b"),),
        cell={"env": {"MODE": "a,b"}},
        ir={f"{CONTAINER}/env/0": {"name": "MODE", "value": "a,b"}},
    ),
    "secret": Row(
        field="secrets",
        value=(SecretEnv(secret=SECRET, key="user", env="DB_USER"),),
        tags=("secret:db:user:DB_USER",),
        ir={
            f"{POD}/secretAsEnv": [
                {
                    "secretName": "db",
                    "secretNameParameter": constant("db"),
                    "keyToEnv": [{"secretKey": "user", "envVar": "DB_USER"}],
                    "optional": False,
                }
            ]
        },
        local="warning",
    ),
    "config-map": Row(
        field="config_maps",
        value=(ConfigMapEnv(config_map="flags", key="mode", env="MODE"),),
        tags=("config-map:flags:mode:MODE",),
        ir={
            f"{POD}/configMapAsEnv": [
                {
                    "configMapName": "flags",
                    "configMapNameParameter": constant("flags"),
                    "keyToEnv": [{"configMapKey": "mode", "envVar": "MODE"}],
                    "optional": False,
                }
            ]
        },
        local="warning",
    ),
    "secret-as-files": Row(
        field="mounts",
        value=(Mount(kind=MountKind.SECRET, name=SECRET, path="/s", is_optional=True),),
        cell={"mounts": [{"secret": "db", "path": "/s", "optional": True}]},
        ir={
            f"{POD}/secretAsVolume": [
                {
                    "secretName": "db",
                    "secretNameParameter": constant("db"),
                    "mountPath": "/s",
                    "optional": True,
                }
            ]
        },
        local="warning",
    ),
    "config-map-as-files": Row(
        field="mounts",
        value=(Mount(kind=MountKind.CONFIG_MAP, name=FILES, path="/etc/c"),),
        cell={"mounts": [{"config_map": "files", "path": "/etc/c/"}]},
        ir={
            f"{POD}/configMapAsVolume": [
                {
                    "configMapName": "files",
                    "configMapNameParameter": constant("files"),
                    "mountPath": "/etc/c",
                    "optional": False,
                }
            ]
        },
        local="warning",
    ),
    "existing-claim": Row(
        field="mounts",
        value=(Mount(kind=MountKind.CLAIM, name="data", path="/data", sub_path="2024"),),
        cell={"mounts": [{"pvc": "data", "path": "/data", "sub_path": "2024"}]},
        ir={
            f"{POD}/pvcMount": [
                {
                    "constant": "data",
                    "pvcNameParameter": constant("data"),
                    "mountPath": "/data",
                    "subPath": "2024",
                }
            ]
        },
        local="warning",
    ),
    "ephemeral-volume": Row(
        field="mounts",
        value=(
            Mount(
                kind=MountKind.EPHEMERAL,
                name="scratch",
                path="/scratch",
                size="10Gi",
                access_modes=("ReadWriteOnce",),
            ),
        ),
        cell={"mounts": [EPHEMERAL]},
        ir={
            f"{POD}/genericEphemeralVolume": [
                {
                    "volumeName": "scratch",
                    "mountPath": "/scratch",
                    "accessModes": ["ReadWriteOnce"],
                    "size": "10Gi",
                    "defaultStorageClass": True,
                }
            ]
        },
        local="warning",
    ),
    "ephemeral-volume-of-a-class": Row(
        field="mounts",
        value=(
            Mount(
                kind=MountKind.EPHEMERAL,
                name="scratch",
                path="/scratch",
                size="10Gi",
                access_modes=("ReadWriteMany",),
                storage_class="fast",
            ),
        ),
        cell={
            "mounts": [
                {**EPHEMERAL, "access_modes": ["ReadWriteMany"], "storage_class": "fast"},
            ]
        },
        ir={
            f"{POD}/genericEphemeralVolume/0/storageClassName": "fast",
            f"{POD}/genericEphemeralVolume/0/accessModes": ["ReadWriteMany"],
        },
        local="warning",
    ),
    "empty-folder": Row(
        field="mounts",
        value=(
            Mount(
                kind=MountKind.EMPTY_DIR,
                name="shm",
                path="/dev/shm",  # noqa: S108 - in a pod
                size="1Gi",
                is_in_memory=True,
            ),
        ),
        cell={
            "mounts": [{"empty_dir": "shm", "path": "/dev/shm", "size": "1Gi", "in_memory": True}]  # noqa: S108 - in a pod
        },
        ir={
            f"{POD}/emptyDirMounts": [
                {
                    "volumeName": "shm",
                    "mountPath": "/dev/shm",  # noqa: S108 - in a pod
                    "medium": "Memory",
                    "sizeLimit": "1Gi",
                }
            ]
        },
        local="warning",
    ),
    "toleration": Row(
        field="tolerations",
        value=(Toleration(key="dedicated", value="ml", effect="NoExecute", seconds=60),),
        cell={"tolerations": [TOLERATION]},
        ir={
            f"{POD}/tolerations": [
                {
                    "key": "dedicated",
                    "operator": "Equal",
                    "value": "ml",
                    "effect": "NoExecute",
                    "tolerationSeconds": "60",
                }
            ]
        },
        local="info",
    ),
    "node-selector": Row(
        field="node_selector",
        value=(NamedText(key="disk", value="ssd"),),
        cell={"node_selector": {"disk": "ssd"}},
        ir={f"{POD}/nodeSelector": {"labels": {"disk": "ssd"}}},
        local="info",
    ),
    "image-pull-secrets": Row(
        field="image_pull_secrets",
        value=("registry",),
        cell={"image_pull_secrets": ["registry"]},
        ir={
            f"{POD}/imagePullSecret": [
                {"secretName": "registry", "secretNameParameter": constant("registry")}
            ]
        },
        local="info",
    ),
    "image-pull-policy": Row(
        field="image_pull_policy",
        value=PullPolicy.ALWAYS,
        cell={"image_pull_policy": "Always"},
        ir={f"{POD}/imagePullPolicy": "Always"},
        local="info",
    ),
    "label": Row(
        field="labels",
        value=(NamedText(key="team", value="data"),),
        tags=("label:team:data",),
        ir={f"{POD}/podMetadata": {"labels": {"team": "data"}}},
        local="warning",
    ),
    "labels-in-metadata": Row(
        field="labels",
        value=(NamedText(key="team", value="data"),),
        cell={"labels": {"team": "data"}},
        ir={f"{POD}/podMetadata": {"labels": {"team": "data"}}},
        local="warning",
    ),
    "annotation": Row(
        field="annotations",
        value=(NamedText(key="a.b/c", value="d:e"),),
        tags=("annotation:a.b/c:d:e",),
        ir={f"{POD}/podMetadata": {"annotations": {"a.b/c": "d:e"}}},
        local="warning",
    ),
    "annotation-with-a-comma": Row(
        field="annotations",
        value=(NamedText(key="note", value="a, b"),),
        cell={"annotations": {"note": "a, b"}},
        ir={f"{POD}/podMetadata": {"annotations": {"note": "a, b"}}},
        local="warning",
    ),
    "report-off": Row(
        field="report",
        value=False,
        tags=("report:off",),
        ir={
            "components/comp-a": {
                "executorLabel": "exec-a",
                "inputDefinitions": {"parameters": {"rate": {"parameterType": "NUMBER_INTEGER"}}},
            }
        },
        local="info",
    ),
    "checkpoint": Row(field="checkpoint", value=True, tags=("checkpoint:on",), kfp="info"),
    "register": Row(
        field="register", value="churn:model", tags=("register:churn:model",), kfp="warning"
    ),
    "when": Row(
        field="when",
        value="rate > 0",
        tags=("when:rate > 0",),
        ir={"root/dag/tasks/a/triggerPolicy/condition": "(inputs.parameter_values['rate'] > 0.0)"},
    ),
    "foreach": Row(
        field="foreach",
        value=Foreach(name="rate", items="items"),
        tags=("foreach:rate in items",),
        ir={f"{TASK}/parameterIterator/items/inputParameter": "pipelinechannel--a-items-Output"},
    ),
    "on-exit": Row(
        field="on_exit",
        value=True,
        tags=("on-exit",),
        ir={"root/dag/tasks/a/triggerPolicy/strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    ),
}
PIPELINE_ROWS: Final = {
    "name": Row(
        field="name",
        value="churn",
        notebook={"name": "churn"},
        ir={"pipelineInfo": {"name": "churn"}},
    ),
    "description": Row(
        field="description",
        value="Who leaves",
        notebook={"description": "Who leaves"},
        ir={"pipelineInfo/description": "Who leaves"},
    ),
    "experiment": Row(
        field="experiment", value="spring", notebook={"experiment": "spring"}, kfp="info"
    ),
    "step-defaults": Row(
        field="step_defaults",
        value=StepSettings(retry=1),
        notebook={"step_defaults": ["retry:1"]},
        ir={f"{TASK}/retryPolicy/maxRetryCount": 1},
    ),
    "step-defaults-beyond-tags": Row(
        field="step_defaults",
        value=StepSettings(cpu="1", node_selector=(NamedText(key="disk", value="ssd"),)),
        notebook={"step_defaults": {"tags": ["cpu:1"], "node_selector": {"disk": "ssd"}}},
        ir={
            f"{CONTAINER}/resources/resourceCpuLimit": "1",
            f"{POD}/nodeSelector": {"labels": {"disk": "ssd"}},
        },
        local="info",
    ),
    "workspace": Row(
        field="workspace",
        value=Workspace(size="10Gi", storage_class="fast", access_modes=("ReadWriteMany",)),
        notebook={
            "workspace": {
                "size": "10Gi",
                "storage_class": "fast",
                "access_modes": ["ReadWriteMany"],
            }
        },
        ir={
            f"{CONFIG}/workspace": {
                "size": "10Gi",
                "kubernetes": {
                    "pvcSpecPatch": {"storageClassName": "fast", "accessModes": ["ReadWriteMany"]}
                },
            },
            f"{TASK}/inputs/parameters/kernelpipe-workspace": constant("/kfp-workspace"),
            f"{CONTAINER}/env/0": {"name": "KERNELPIPE_WORKSPACE", "value": "/kfp-workspace"},
        },
        local="warning",
    ),
    "ttl": Row(
        field="ttl",
        value=TimeToLive(finished_s=86400),
        notebook={"ttl": "1d"},
        ir={CONFIG: {"resourceTtlOnCompletion": 86400}},
        local="info",
    ),
    "ttl-by-outcome": Row(
        field="ttl",
        value=TimeToLive(success_s=3600, failure_s=7200),
        notebook={"ttl": {"success": "1h", "failure": 7200}},
        ir={CONFIG: {"resourceTtlOnSuccess": 3600, "resourceTtlOnFailure": 7200}},
        local="info",
    ),
    "deadline": Row(
        field="deadline_s",
        value=7200,
        notebook={"deadline": "2h"},
        ir={CONFIG: {"activeDeadlineSeconds": 7200}},
    ),
    "parallelism": Row(field="parallelism", value=2, notebook={"parallelism": 2}, kfp="warning"),
    "cluster": Row(
        field="cluster",
        value=ClusterPlace(host="http://localhost:8080", namespace="team"),
        notebook={"cluster": {"host": "http://localhost:8080", "namespace": "team"}},
        kfp="info",
        local="info",
    ),
    "service-account": Row(
        field="service_account",
        value="runner",
        notebook={"service_account": "runner"},
        kfp="info",
        local="info",
    ),
    "merge": Row(field="merge", value=True, notebook={"merge": True}, local="info"),
    "anything-else": Row(
        field="other",
        value=("kernelpipe.notify",),
        notebook={"notify": "https://example.com/hook"},
        kfp="warning",
    ),
}


def analysed(row: Row, folder: Path) -> Pipeline:
    """Return the pipeline of a notebook whose step 'a' or whose metadata says what the row says."""
    metadata: JSON = {"kernelpipe": {"version": 1, **row.cell}} if row.cell else {}
    return api.graph(
        kit.write(
            folder / "notebook.ipynb",
            kit.code("rate = 1\nitems = [1]", "parameters"),
            kit.code("x = 1\nmodel = 1\nprint(rate)", "step:a", *row.tags, **metadata),
            kit.code("y = 1", "step:b"),
            metadata={"kernelpipe": {"version": 1, **row.notebook}} if row.notebook else None,
        )
    )


def found_at(documents: tuple[JSON, ...], path: str) -> object:
    """Return what stands at a path with slashes in the document that it begins in."""
    keys = path.split("/")
    place: Any = documents[1] if keys[0] == "platforms" else documents[0]
    for key in keys:
        place = place[int(key) if isinstance(place, list) else key]
    return place


def said(diagnostics: tuple[Diagnostic, ...]) -> str:
    """Return the one severity with which a setting is reported as not honoured."""
    (severity,) = {d.severity.value for d in diagnostics if d.code == "KP401"} or {HONOURED}
    return severity


def check(row: Row, pipeline: Pipeline) -> None:
    """Compare the IR and what both backends say with the row."""
    tasks = lower(pipeline)
    documents = build(pipeline, tasks).documents

    assert {path: found_at(documents, path) for path in row.ir} == row.ir
    assert kfp.validate_ir(documents) == ()
    assert said(kfp.check_pipeline(pipeline, tasks)) == row.kfp
    assert said(local.check_pipeline(pipeline)) == row.local


@pytest.mark.parametrize("row", STEP_ROWS.values(), ids=STEP_ROWS)
def test_step_setting__written__is_typed_emitted_and_honoured_or_reported(
    row: Row, tmp_path: Path
) -> None:
    """No setting is accepted and then dropped in silence."""
    pipeline = analysed(row, tmp_path)

    assert pipeline.diagnostics == ()
    step = next(each for each in pipeline.steps if each.name == "a")
    assert getattr(step.settings, row.field) == row.value
    check(row, pipeline)


@pytest.mark.parametrize("row", PIPELINE_ROWS.values(), ids=PIPELINE_ROWS)
def test_pipeline_setting__written__is_typed_emitted_and_honoured_or_reported(
    row: Row, tmp_path: Path
) -> None:
    """The same for what the whole notebook says."""
    pipeline = analysed(row, tmp_path)
    value = getattr(pipeline.settings, row.field)
    if row.field == "other":
        value = tuple(entry.key for entry in value if isinstance(entry, MetadataEntry))

    assert pipeline.diagnostics == ()
    assert value == row.value
    check(row, pipeline)


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        pytest.param(StepSettings, STEP_ROWS, id="step"),
        pytest.param(PipelineSettings, PIPELINE_ROWS, id="pipeline"),
    ],
)
def test_table__fields_of_settings__each_has_a_row(settings: type, rows: dict[str, Row]) -> None:
    """A new setting cannot be left out of the table."""
    assert {each.name for each in fields(settings)} - {row.field for row in rows.values()} == set()


def test_table__kinds_of_mounts__each_has_a_row() -> None:
    """Nor can a new kind of mount."""
    mounts = [row.value for row in STEP_ROWS.values() if row.field == "mounts"]

    assert {mount.kind for found in mounts for mount in found} == set(MountKind)  # type: ignore[attr-defined]  # tuples of mounts
