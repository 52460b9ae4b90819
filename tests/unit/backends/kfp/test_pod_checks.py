"""Tests of settings that no pod can have together, and of files on volumes."""

from dataclasses import replace

import pytest
from kfp_specs import pipeline, task

from kernelpipe.backends.kfp import check_pipeline
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import FileFlow
from kernelpipe.model.settings import (
    ConfigMapEnv,
    Mount,
    MountKind,
    NamedText,
    PipelineSettings,
    SecretEnv,
    StepSettings,
    Workspace,
)

DATA = Mount(kind=MountKind.CLAIM, name="data", path="/data")
DB = "db"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            StepSettings(mounts=(replace(DATA, name="my.data"),)),
            "step 'a': 'my.data' cannot be mounted: KFP names the volume after it, and volumes "
            "have no dots and at most 63 characters",
            id="volume-name",
        ),
        pytest.param(
            StepSettings(mounts=(DATA, replace(DATA, kind=MountKind.SECRET, path="/s"))),
            "step 'a': 'data' is mounted at '/data' and at '/s': KFP gives both volumes that "
            "name, and the pod is refused",
            id="volume-twice",
        ),
        pytest.param(
            StepSettings(mounts=(replace(DATA, path="/minio"),)),
            "step 'a': nothing can be mounted at '/minio', where KFP mounts its own",
            id="own-path",
        ),
        pytest.param(
            StepSettings(
                env=(NamedText(key="E", value="1"),),
                secrets=(SecretEnv(secret=DB, key="k", env="E"),),
            ),
            "step 'a': the variable 'E' is set twice, by 'env' and by 'secret'",
            id="variable-twice",
        ),
        pytest.param(
            StepSettings(
                secrets=(SecretEnv(secret=DB, key="k", env="E"),),
                config_maps=(ConfigMapEnv(config_map="c", key="k", env="E"),),
            ),
            "step 'a': the variable 'E' is set twice, by 'secret' and by 'config-map'",
            id="variable-twice-from-the-cluster",
        ),
        pytest.param(
            StepSettings(cpu="500m", cpu_request="1"),
            "step 'a': 'request:cpu:1' is more than its limit 'cpu:500m'",
            id="request",
        ),
    ],
)
def test_check_pipeline__what_no_pod_can_have__is_an_error(
    settings: StepSettings, message: str
) -> None:
    """The cluster would refuse the pod, or choose for itself."""
    one = task("a", settings=settings)

    found = check_pipeline(pipeline(one), (one,))

    assert [(d.code, d.severity.value, d.message) for d in found] == [("KP407", "error", message)]


@pytest.mark.parametrize(
    ("path", "mounts", "codes"),
    [
        pytest.param("/data/x.csv", (DATA, DATA), [], id="same-claim"),
        pytest.param("/data/x.csv", (DATA, replace(DATA, name="b")), ["KP408"], id="two-claims"),
        pytest.param(
            "/data/x.csv", (DATA, replace(DATA, sub_path="y")), ["KP408"], id="other-sub-path"
        ),
        pytest.param("/other/x.csv", (DATA, DATA), [], id="other-folder"),
        pytest.param("../x.csv", (DATA, DATA), ["KP408"], id="upwards"),
        pytest.param("/srv", (DATA, DATA), ["KP408"], id="everybody's-folder"),
        pytest.param("/srv/mine", (DATA, DATA), [], id="own-folder"),
        pytest.param("x.csv", (DATA, DATA), [], id="working-directory"),
        pytest.param("/kfp-workspace/x.csv", (), [], id="workspace"),
    ],
)
def test_check_pipeline__file_on_a_volume__travels_if_both_mount_it(
    path: str, mounts: tuple[Mount, ...], codes: list[str]
) -> None:
    """A file that one step writes and another reads must be where both find it."""
    both = mounts or (None, None)
    first, last = (
        task(name, settings=StepSettings(mounts=() if mount is None else (mount,)))
        for name, mount in zip(("a", "b"), both, strict=True)
    )
    settings = PipelineSettings(workspace=Workspace(size="1Gi"))
    whole = replace(
        pipeline(first, last, settings=settings),
        file_flows=(
            FileFlow(producer=StepName("a"), consumer=StepName("b"), path=path, is_read=True),
        ),
    )

    assert [d.code for d in check_pipeline(whole, (first, last))] == codes
