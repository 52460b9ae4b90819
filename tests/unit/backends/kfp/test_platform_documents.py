"""The platform document, held against what KFP's own libraries make and take."""

import warnings
from typing import Any

from kfp_specs import pipeline, task

from kernelpipe.backends.kfp.ir import build
from kernelpipe.model.settings import (
    ConfigMapEnv,
    Mount,
    MountKind,
    NamedText,
    PipelineSettings,
    PullPolicy,
    SecretEnv,
    StepSettings,
    TimeToLive,
    Toleration,
    Workspace,
)

JSON = dict[str, Any]
DB, REGISTRY = "db", "registry"
SETTINGS = StepSettings(
    cpu="2",
    cpu_request="500m",
    memory="4Gi",
    memory_request="1G",
    gpu=1,
    retry=2,
    secrets=(SecretEnv(secret=DB, key="user", env="DB_USER"),),
    config_maps=(ConfigMapEnv(config_map="flags", key="mode", env="MODE"),),
    mounts=(
        Mount(kind=MountKind.SECRET, name="cert", path="/cert", is_optional=True),
        Mount(kind=MountKind.CONFIG_MAP, name="conf", path="/conf"),
        Mount(kind=MountKind.CLAIM, name="data", path="/data", sub_path="2024"),
        Mount(
            kind=MountKind.EPHEMERAL,
            name="scratch",
            path="/scratch",
            size="1Gi",
            access_modes=("ReadWriteOnce",),
        ),
        Mount(
            kind=MountKind.EPHEMERAL,
            name="fast",
            path="/fast",
            size="2Gi",
            access_modes=("ReadWriteMany",),
            storage_class="ssd",
        ),
        Mount(kind=MountKind.EMPTY_DIR, name="shm", path="/shm", is_in_memory=True, size="1Gi"),
    ),
    tolerations=(
        Toleration(key="dedicated", value="ml", effect="NoExecute", seconds=60),
        Toleration(operator="Exists"),
    ),
    node_selector=(NamedText(key="disk", value="ssd"),),
    image_pull_secrets=(REGISTRY,),
    image_pull_policy=PullPolicy.ALWAYS,
    labels=(NamedText(key="team", value="data"),),
    annotations=(NamedText(key="note", value="a, b"),),
    timeout_s=90.0,
)
PIPELINE = PipelineSettings(
    workspace=Workspace(size="10Gi", storage_class="ssd", access_modes=("ReadWriteMany",)),
    ttl=TimeToLive(finished_s=1, success_s=2, failure_s=3),
    deadline_s=4,
)


def ours() -> tuple[JSON, JSON]:
    """Return our pipeline spec and platform spec of a step with every setting."""
    one = task("a", settings=SETTINGS)
    spec, platform = build(pipeline(one, settings=PIPELINE), (one,)).documents
    return spec, platform


def theirs() -> tuple[JSON, JSON]:
    """Return what ``kfp.dsl`` and ``kfp.kubernetes`` make of the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from google.protobuf import json_format
        from kfp import dsl, kubernetes

    @dsl.container_component
    def step():  # type: ignore[no-untyped-def]  # noqa: ANN202 - KFP reads the annotation
        return dsl.ContainerSpec(image="python:3.11", command=["true"])

    workspace = dsl.WorkspaceConfig(
        size="10Gi",
        kubernetes=dsl.KubernetesWorkspaceConfig(
            pvcSpecPatch={"storageClassName": "ssd", "accessModes": ["ReadWriteMany"]}
        ),
    )
    config = dsl.PipelineConfig(
        workspace=workspace,
        ttl_seconds_after_finished=1,
        ttl_seconds_after_success=2,
        ttl_seconds_after_failure=3,
        active_deadline_seconds=4,
    )

    @dsl.pipeline(name="demo", pipeline_config=config)
    def demo():  # type: ignore[no-untyped-def]  # noqa: ANN202 - likewise
        a = step().set_display_name("a")
        a.set_cpu_limit("2").set_cpu_request("500m")
        a.set_memory_limit("4Gi").set_memory_request("1G")
        a.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1).set_retry(2)
        kubernetes.use_secret_as_env(a, "db", {"user": "DB_USER"})
        kubernetes.use_config_map_as_env(a, "flags", {"mode": "MODE"})
        kubernetes.use_secret_as_volume(a, "cert", "/cert", optional=True)
        kubernetes.use_config_map_as_volume(a, "conf", "/conf")
        kubernetes.mount_pvc(a, "data", "/data", "2024")
        kubernetes.add_ephemeral_volume(a, "scratch", "/scratch", ["ReadWriteOnce"], "1Gi")
        kubernetes.add_ephemeral_volume(a, "fast", "/fast", ["ReadWriteMany"], "2Gi", "ssd")
        kubernetes.empty_dir_mount(a, "shm", "/shm", "Memory", "1Gi")
        kubernetes.add_toleration(a, "dedicated", "Equal", "ml", "NoExecute", 60)
        kubernetes.add_toleration(a, operator="Exists")
        kubernetes.add_node_selector(a, "disk", "ssd")
        kubernetes.set_image_pull_secrets(a, ["registry"])
        kubernetes.set_image_pull_policy(a, "Always")
        kubernetes.add_pod_label(a, "team", "data")
        kubernetes.add_pod_annotation(a, "note", "a, b")
        kubernetes.set_timeout(a, 90)

    return (
        json_format.MessageToDict(demo.pipeline_spec),
        json_format.MessageToDict(demo.platform_spec),
    )


def pods(platform: JSON) -> JSON:
    """Return the settings of the only executor."""
    (found,) = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    settings: JSON = found
    return settings


def test_platform_document__every_setting__is_what_kfp_kubernetes_makes() -> None:
    """The settings of the pod and of the pipeline are equal, field by field."""
    platform, expected = ours()[1], theirs()[1]

    assert pods(platform) == pods(expected)
    assert (
        platform["platforms"]["kubernetes"]["pipelineConfig"]
        == expected["platforms"]["kubernetes"]["pipelineConfig"]
    )


def test_resources__every_amount__is_what_kfp_dsl_makes() -> None:
    """The new text fields are equal; old backends read the numbers, which the DSL leaves out."""
    (container,) = ours()[0]["deploymentSpec"]["executors"].values()
    (expected,) = theirs()[0]["deploymentSpec"]["executors"].values()
    resources, made = container["container"]["resources"], expected["container"]["resources"]

    assert {key: resources[key] for key in made if key != "accelerator"} == {
        key: value for key, value in made.items() if key != "accelerator"
    }
    assert made["accelerator"].items() <= resources["accelerator"].items()


def test_platform_document__strictly_parsed__loses_nothing() -> None:
    """KFP's messages take every field and give it back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from google.protobuf import json_format
        from kfp.kubernetes import kubernetes_executor_config_pb2 as messages

    settings = pods(ours()[1])
    message = json_format.ParseDict(settings, messages.KubernetesExecutorConfig())

    assert json_format.MessageToDict(message) == settings
