"""Tests of what the backend says it will not do."""

import json
import random
from pathlib import Path

import pytest
from kfp_specs import pipeline, task

from kernelpipe.backends.kfp import check_pipeline
from kernelpipe.compiler.task import Task
from kernelpipe.model.location import Location
from kernelpipe.model.settings import (
    MetadataEntry,
    NamedText,
    PipelineSettings,
    ResourceLimit,
    StepSettings,
)


def found(
    *tasks: Task, name: str = "demo", settings: PipelineSettings | None = None
) -> list[tuple[str, str, str]]:
    """Return (code, severity, message) of what stands against a pipeline."""
    return [
        (each.code, each.severity.value, each.message)
        for each in check_pipeline(pipeline(*tasks, name=name, settings=settings), tasks)
    ]


def test_check_pipeline__honoured_settings__are_silent() -> None:
    """What KFP does is not mentioned."""
    settings = StepSettings(
        image="i", cpu="2", memory="1.5Gi", gpu=1, retry=1, timeout_s=3.0, cache=False, report=True
    )

    assert found(task("a", settings=settings)) == []


def test_check_pipeline__register__is_a_warning() -> None:
    """The pipeline computes the same without it."""
    assert found(task("a", settings=StepSettings(register="churn"))) == [
        ("KP401", "warning", "step 'a': 'register' is not honoured by backend 'kfp'")
    ]


def test_check_pipeline__checkpoint__is_told() -> None:
    """Where a failed step begins again changes no result."""
    assert found(task("a", settings=StepSettings(checkpoint=True))) == [
        ("KP401", "info", "step 'a': 'checkpoint' is not honoured by backend 'kfp'")
    ]


def test_check_pipeline__limit_without_a_place__is_a_warning() -> None:
    """KFP takes one kind of device; every other limit is named."""
    settings = StepSettings(
        gpu=1,
        limits=(
            ResourceLimit(resource="nvidia.com/gpu", amount="1"),
            ResourceLimit(resource="ephemeral-storage", amount="1Gi"),
        ),
    )

    assert found(task("a", settings=settings)) == [
        (
            "KP401",
            "warning",
            "step 'a': 'limit:ephemeral-storage:1Gi' is not honoured by backend 'kfp'",
        )
    ]


def test_check_pipeline__second_device__is_a_warning() -> None:
    """Of two devices the first is limited."""
    settings = StepSettings(
        limits=(
            ResourceLimit(resource="example.com/a", amount="1"),
            ResourceLimit(resource="example.com/b", amount="1"),
        )
    )

    assert found(task("a", settings=settings)) == [
        ("KP401", "warning", "step 'a': 'limit:example.com/b:1' is not honoured by backend 'kfp'")
    ]


def test_check_pipeline__metadata_without_a_setting__is_a_warning() -> None:
    """Every entry of the notebook's metadata that the IR lacks is named, at its place."""
    place = Location(path="demo.ipynb")
    settings = PipelineSettings(
        experiment="trials", other=(MetadataEntry(key="volumes", value="[]", location=place),)
    )

    assert found(task("a"), settings=settings) == [
        ("KP401", "warning", "metadata 'volumes' is not honoured by backend 'kfp'"),
        ("KP401", "info", "the experiment 'trials' is not part of the YAML"),
    ]


@pytest.mark.parametrize(
    ("settings", "tag"),
    [
        pytest.param(StepSettings(cpu="1x"), "cpu:1x", id="cpu"),
        pytest.param(StepSettings(cpu_request="1x"), "request:cpu:1x", id="cpu request"),
        pytest.param(StepSettings(memory_request="1 G"), "request:memory:1 G", id="memory request"),
    ],
)
def test_check_pipeline__setting_that_is_no_quantity__is_named_as_its_tag(
    settings: StepSettings, tag: str
) -> None:
    """What the cluster could not read is refused before it is written."""
    assert found(task("a", settings=settings)) == [
        ("KP407", "error", f"step 'a': '{tag}' is no Kubernetes quantity")
    ]


@pytest.mark.parametrize("text", ["four", "4gb", "-1", "1Mib"])
def test_check_pipeline__no_quantity__is_an_error(text: str) -> None:
    """Kubernetes would refuse the pod."""
    assert found(task("a", settings=StepSettings(memory=text))) == [
        ("KP407", "error", f"step 'a': 'memory:{text}' is no Kubernetes quantity")
    ]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(StepSettings(image="{{x}}"), id="image"),
        pytest.param(StepSettings(env=(NamedText(key="A", value="{{x}}"),)), id="env"),
        pytest.param(StepSettings(labels=(NamedText(key="A", value="{{x}}"),)), id="label"),
        pytest.param(StepSettings(annotations=(NamedText(key="A", value="{{x}}"),)), id="note"),
    ],
)
def test_check_pipeline__braces_in_a_setting__are_an_error(settings: StepSettings) -> None:
    """KFP would take them for a placeholder."""
    assert found(task("a", settings=settings)) == [
        ("KP407", "error", "step 'a': KFP would replace '{{' in '{{x}}'")
    ]


def test_check_pipeline__name_without_letters__is_an_error() -> None:
    """KFP's names are ASCII."""
    assert found(task("a"), name="数据") == [
        ("KP406", "error", "the pipeline's name '数据' has no letter or digit KFP accepts")
    ]


def noise(size: int) -> str:
    """Return ``size`` characters that do not compress much."""
    numbers = random.Random(0)  # noqa: S311 - no secret
    return json.dumps("".join(chr(numbers.randrange(33, 126)) for _ in range(size)))


@pytest.mark.parametrize(
    ("size", "severity", "word"),
    [
        pytest.param(50_000, "warning", "close to", id="over-budget"),
        pytest.param(120_000, "error", "more than", id="too-large"),
    ],
)
def test_check_pipeline__large_step__is_named_with_its_size(
    size: int, severity: str, word: str
) -> None:
    """The size is checked before the cluster does, with advice."""
    (size_found,) = (each for each in found(task("a", source=noise(size))) if each[0] == "KP404")

    assert size_found[1] == severity
    assert size_found[2].startswith("step 'a': its code takes ")
    assert f"compressed, {word} the 131 KB" in size_found[2]


def test_check_pipeline__many_steps__warns_of_the_workflow() -> None:
    """The workflow's size is estimated from the IR's."""
    (warning,) = found(*(task(f"s{number}") for number in range(200)))

    assert warning[:2] == ("KP405", "warning")
    assert warning[2].startswith("the workflow may grow to ")
    assert warning[2].endswith(" MB when it is submitted), Argo stores 1.0 MB")


def test_check_pipeline__setting_from_defaults__is_placed_in_the_file() -> None:
    """A default of the whole notebook has no cell; a step's own setting has."""
    defaults = StepSettings(register="best")
    settings = PipelineSettings(step_defaults=defaults)
    one = task("a", settings=defaults)
    whole = pipeline(one, settings=settings)
    bare = pipeline(task("a"), settings=settings)

    (own,) = check_pipeline(whole, (one,))
    (default,) = check_pipeline(bare, (one,))

    assert own.location.cell_index == 1
    assert default.location == Location(path="demo.ipynb")


def test_check_pipeline__local_module__adds_to_the_size(tmp_path: Path) -> None:
    """What travels along counts."""
    (tmp_path / "big_xyz.py").write_text(f"DATA = {noise(120_000)}\n")
    one = task("a", modules=("big_xyz",))

    codes = [each.code for each in check_pipeline(pipeline(one, path=tmp_path / "n.ipynb"), (one,))]

    assert codes == ["KP404"]


def test_check_pipeline__huge_local_package__is_named_and_not_packed(tmp_path: Path) -> None:
    """An editor asks while the user types: what can never fit is not compressed each time."""
    package = tmp_path / "big_xyz"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "data.csv").write_text("1\n" * 2_100_000)
    one = task("a", modules=("big_xyz",))
    whole = pipeline(one, path=tmp_path / "n.ipynb")

    (diagnostic,) = check_pipeline(whole, (one,))

    assert (diagnostic.code, diagnostic.severity.value) == ("KP404", "error")
    assert diagnostic.message == (
        "step 'a': the module 'big_xyz' beside the notebook takes 4.2 MB, "
        "more than one pod can be given"
    )
