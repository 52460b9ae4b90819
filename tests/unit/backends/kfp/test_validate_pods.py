"""Tests of the rules for what pods are given: each with a document that breaks it."""

import copy
from typing import Any

import pytest
from kfp_specs import pipeline, task

from kernelpipe.backends.kfp import validate_ir
from kernelpipe.backends.kfp.ir import build
from kernelpipe.model.settings import NamedText, PipelineSettings, StepSettings, Workspace

JSON = dict[str, Any]
POD = "platforms.kubernetes.deploymentSpec.executors.exec-a"
CONFIG = "platforms.kubernetes.pipelineConfig"
CONTAINER = "deploymentSpec.executors.exec-a.container"
POLICY = "root.dag.tasks.a.retryPolicy"


def documents() -> tuple[JSON, JSON]:
    """Return documents that are right."""
    settings = StepSettings(
        cpu="1",
        memory="1G",
        retry=1,
        env=(NamedText(key="MODE", value="fast"),),
        labels=(NamedText(key="team", value="data"),),
    )
    one = task("a", settings=settings)
    workspace = Workspace(size="1Gi")
    spec, platform = build(
        pipeline(one, settings=PipelineSettings(workspace=workspace, deadline_s=60)), (one,)
    ).documents
    return copy.deepcopy(spec), copy.deepcopy(platform)


def problems(spec: JSON, platform: JSON) -> list[str]:
    """Return the problems of documents as text."""
    return [str(problem) for problem in validate_ir((spec, platform))]


def test_validate_ir__right_documents__no_problem() -> None:
    """What the changes below start from is right."""
    assert problems(*documents()) == []


def pvc(name: str, path: str) -> JSON:
    """Return the mount of a claim."""
    return {"constant": name, "mountPath": path}


def volume(**changes: object) -> JSON:
    """Return an ephemeral volume with something wrong."""
    right = {
        "volumeName": "v",
        "mountPath": "/v",
        "size": "1Gi",
        "accessModes": ["ReadWriteOnce"],
        "defaultStorageClass": True,
    }
    return right | changes


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {"imagePullPolicy": "Sometimes"},
            f"{POD}.imagePullPolicy: is 'Sometimes', must be one of Always, IfNotPresent, Never",
            id="pull-policy",
        ),
        pytest.param(
            {"activeDeadlineSeconds": "0"},
            f"{POD}.activeDeadlineSeconds: is 0, must be at least 1",
            id="deadline",
        ),
        pytest.param(
            {"tolerations": [{"key": "a", "operator": "Maybe"}]},
            f"{POD}.tolerations[0].operator: is 'Maybe', must be Equal or Exists",
            id="toleration-operator",
        ),
        pytest.param(
            {"tolerations": [{"operator": "Equal"}]},
            f"{POD}.tolerations[0].key: is missing; only Exists goes without",
            id="toleration-key",
        ),
        pytest.param(
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            f"{POD}.tolerations[0].value: must be empty: the operator is Exists",
            id="toleration-value",
        ),
        pytest.param(
            {"tolerations": [{"key": "a", "effect": "Never"}]},
            f"{POD}.tolerations[0].effect: is 'Never', must be one of NoSchedule, "
            "PreferNoSchedule, NoExecute",
            id="toleration-effect",
        ),
        pytest.param(
            {"podMetadata": {"labels": {"a b": "c"}}},
            f"{POD}.podMetadata.labels['a b']: is no key that Kubernetes accepts",
            id="label-key",
        ),
        pytest.param(
            {"podMetadata": {"labels": {"a": "b c"}}},
            f"{POD}.podMetadata.labels.a: is 'b c', which cannot be a label's text",
            id="label-text",
        ),
        pytest.param(
            {"podMetadata": {"annotations": {"a b": "c"}}},
            f"{POD}.podMetadata.annotations['a b']: is no key that Kubernetes accepts",
            id="annotation-key",
        ),
        pytest.param(
            {"nodeSelector": {"labels": {"disk": "s s d"}}},
            f"{POD}.nodeSelector.labels.disk: is 's s d', which cannot be a label's text",
            id="node-selector",
        ),
        pytest.param(
            {"secretAsEnv": [{"keyToEnv": [{"secretKey": "k", "envVar": "E"}]}]},
            f"{POD}.secretAsEnv[0].secretName: is missing",
            id="secret-without-name",
        ),
        pytest.param(
            {"configMapAsVolume": [{"mountPath": "/c"}]},
            f"{POD}.configMapAsVolume[0].configMapName: is missing",
            id="config-map-without-name",
        ),
        pytest.param(
            {"pvcMount": [{"mountPath": "/c"}]},
            f"{POD}.pvcMount[0].pvcName: is missing",
            id="claim-without-name",
        ),
        pytest.param(
            {"pvcMount": [pvc("my.data", "/d")]},
            f"{POD}.pvcMount[0].pvcName: 'my.data' cannot name a volume",
            id="volume-name",
        ),
        pytest.param(
            {"pvcMount": [pvc("data", "/d"), pvc("data", "/e")]},
            f"{POD}.pvcMount[1].pvcName: 'data' is a volume of {POD}.pvcMount[0]",
            id="volume-twice",
        ),
        pytest.param(
            {"pvcMount": [pvc("data", "/d"), pvc("more", "/d")]},
            f"{POD}.pvcMount[1].mountPath: is '/d', as that of {POD}.pvcMount[0]",
            id="path-twice",
        ),
        pytest.param(
            {"pvcMount": [pvc("data", "d")]},
            f"{POD}.pvcMount[0].mountPath: is 'd', must be an absolute path",
            id="relative-path",
        ),
        pytest.param(
            {"pvcMount": [pvc("data", "/gcs")]},
            f"{POD}.pvcMount[0].mountPath: is '/gcs', where KFP mounts a volume of its own",
            id="reserved-path",
        ),
        pytest.param(
            {"genericEphemeralVolume": [volume(accessModes=["Write"])]},
            f"{POD}.genericEphemeralVolume[0].accessModes[0]: is 'Write', must be one of "
            "ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod",
            id="access-mode",
        ),
        pytest.param(
            {"genericEphemeralVolume": [volume(size="10GB")]},
            f"{POD}.genericEphemeralVolume[0].size: is '10GB', must be an amount",
            id="size",
        ),
        pytest.param(
            {"emptyDirMounts": [{"volumeName": "e", "mountPath": "/e", "sizeLimit": "big"}]},
            f"{POD}.emptyDirMounts[0].sizeLimit: is 'big', must be an amount",
            id="size-limit",
        ),
        pytest.param(
            {
                "configMapAsEnv": [
                    {
                        "configMapName": "c",
                        "keyToEnv": [{"configMapKey": "k", "envVar": "MODE"}],
                    }
                ]
            },
            f"{POD}.configMapAsEnv[0]: sets 'MODE', as the container does",
            id="variable-twice",
        ),
        pytest.param(
            {"secretAsVolume": [{"secretName": "s", "mountPath": "/s", "mode": 1}]},
            f"{POD}.secretAsVolume[0].mode: is not a field of SecretAsVolume",
            id="unknown-field",
        ),
    ],
)
def test_validate_ir__broken_pod__names_the_place(entry: JSON, expected: str) -> None:
    """What the cluster would refuse when the pod starts is found before."""
    spec, platform = documents()
    platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-a"] |= entry

    assert problems(spec, platform) == [expected]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            {"workspace": {"kubernetes": {}}},
            f"{CONFIG}.workspace.size: must be an amount of storage such as 10Gi",
            id="workspace-size",
        ),
        pytest.param(
            {"workspace": {"size": "1Gi"}},
            f"{CONFIG}.workspace.kubernetes: is missing: no volume would be made",
            id="workspace-without-volume",
        ),
        pytest.param(
            {"workspace": {"size": "1Gi", "kubernetes": {"pvcSpecPatch": {"volumeName": "v"}}}},
            f"{CONFIG}.workspace.kubernetes.pvcSpecPatch.volumeName: is refused: only accessModes "
            "and storageClassName may be set",
            id="workspace-patch",
        ),
        pytest.param(
            {"resourceTtlOnFailure": -1},
            f"{CONFIG}.resourceTtlOnFailure: is -1, must be at least 1",
            id="ttl",
        ),
        pytest.param(
            {"activeDeadlineSeconds": 2**31},
            f"{CONFIG}.activeDeadlineSeconds: is 2147483648, must be a whole number of 32 bits",
            id="32-bits",
        ),
    ],
)
def test_validate_ir__broken_pipeline_config__names_the_place(config: JSON, expected: str) -> None:
    """So are the settings of whole runs."""
    spec, platform = documents()
    platform["platforms"]["kubernetes"]["pipelineConfig"] |= config

    assert problems(spec, platform) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"image": "argostub/createpvc"},
            f"{CONTAINER}.image: is 'argostub/createpvc', with which the backend runs no step",
            id="stub",
        ),
        pytest.param(
            {"image": "{{x}}"},
            f"{CONTAINER}.image: holds the placeholder '{{{{x}}}}'",
            id="placeholder",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            f"{CONTAINER}.env[1].name: 'A' is set before",
            id="variable-twice",
        ),
        pytest.param(
            {"env": [{"value": "1"}]},
            f"{CONTAINER}.env[0].name: '' names no variable",
            id="variable-without-name",
        ),
        pytest.param(
            {"resources": {"resourceMemoryLimit": "4GB"}},
            f"{CONTAINER}.resources.resourceMemoryLimit: is '4GB', must be a quantity",
            id="quantity",
        ),
        pytest.param(
            {"resources": {"memoryLimit": 4.0, "resourceMemoryLimit": "4Gi"}},
            f"{CONTAINER}.resources.memoryLimit: is 4.0, but resourceMemoryLimit says otherwise",
            id="old-and-new-differ",
        ),
        pytest.param(
            {"resources": {"resourceCpuRequest": "2", "resourceCpuLimit": "1500m"}},
            f"{CONTAINER}.resources.resourceCpuRequest: is more than the limit",
            id="request-above-limit",
        ),
    ],
)
def test_validate_ir__broken_container__names_the_place(changes: JSON, expected: str) -> None:
    """Containers are checked field by field."""
    spec, platform = documents()
    spec["deploymentSpec"]["executors"]["exec-a"]["container"] |= changes

    assert problems(spec, platform) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"maxRetryCount": -1}, f"{POLICY}.maxRetryCount: is -1, below zero", id="count"
        ),
        pytest.param(
            {"backoffFactor": 1.5},
            f"{POLICY}.backoffFactor: is 1.5: Argo takes whole numbers of at least 1",
            id="factor",
        ),
        pytest.param(
            {"backoffMaxDuration": "-1s"},
            f"{POLICY}.backoffMaxDuration: is -1s, below zero",
            id="duration",
        ),
    ],
)
def test_validate_ir__broken_retry__names_the_place(changes: JSON, expected: str) -> None:
    """Argo reads these late, and not always what was meant."""
    spec, platform = documents()
    spec["root"]["dag"]["tasks"]["a"]["retryPolicy"] |= changes

    assert problems(spec, platform) == [expected]


def test_validate_ir__name_that_a_parameter_gives__is_accepted() -> None:
    """Secrets may be chosen when the pipeline is run; a toleration may be JSON."""
    spec, platform = documents()
    platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-a"] |= {
        "secretAsVolume": [
            {
                "secretNameParameter": {"componentInputParameter": "kernelpipe-workspace"},
                "mountPath": "/s",
            }
        ],
        "tolerations": [
            {"tolerationJson": {"componentInputParameter": "kernelpipe-workspace"}},
        ],
    }

    assert problems(spec, platform) == []
