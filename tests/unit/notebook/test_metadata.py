"""The notebook's own metadata: kernelpipe's, Kale's of both generations, and odd ones."""

from typing import Any

import kit
import pytest

from kernelpipe.model.settings import NamedText, PipelineSettings, StepSettings
from kernelpipe.notebook import parse_notebook


def _settings(metadata: dict[str, Any]) -> tuple[PipelineSettings, list[str]]:
    """Return the settings and the findings as "CODE message"."""
    content = kit.notebook(kit.code("x = 1", "step:a"), metadata=metadata)
    notebook = parse_notebook(kit.encode(content), path="n.ipynb")
    return notebook.settings, [f"{d.code} {d.message}" for d in notebook.diagnostics]


def _others(settings: PipelineSettings) -> dict[str, str]:
    return {entry.key: entry.value for entry in settings.other}


def test_metadata__none__names_the_pipeline_after_the_file() -> None:
    """The name is the file's, without folders and suffix."""
    notebook = parse_notebook(kit.encode(kit.notebook()), path="work/churn.v2.ipynb")

    assert (notebook.name, notebook.settings) == ("churn.v2", PipelineSettings())


def test_metadata__own__is_typed() -> None:
    """Every key of version 1 has its setting."""
    own = {
        "version": 1,
        "name": "churn",
        "description": "Who leaves",
        "experiment": "spring",
        "step_defaults": ["retry:2", "label:team:search", "cache:off"],
    }

    settings, found = _settings({"kernelpipe": own})

    assert found == []
    assert settings == PipelineSettings(
        name="churn",
        description="Who leaves",
        experiment="spring",
        step_defaults=StepSettings(
            retry=2, cache=False, labels=(NamedText(key="team", value="search"),)
        ),
    )


def test_metadata__own_without_a_version__is_read() -> None:
    """Written by hand, it may lack the version."""
    assert _settings({"kernelpipe": {"name": "churn", "description": ""}}) == (
        PipelineSettings(name="churn"),
        [],
    )


@pytest.mark.parametrize(
    ("own", "finding"),
    [
        ({"nmae": "x"}, "KP140 metadata 'kernelpipe' has the key 'nmae', which is not known"),
        ({"name": ["x"]}, "KP142 metadata 'kernelpipe.name' is not text"),
        ({"version": "1"}, "KP142 metadata 'kernelpipe.version' is not a version number"),
        ({"version": 0}, "KP142 metadata 'kernelpipe.version' is not a version number"),
        ({"version": True}, "KP142 metadata 'kernelpipe.version' is not a version number"),
        (
            {"version": 2},
            "KP141 metadata 'kernelpipe' has version 2; this kernelpipe knows 1",
        ),
        (
            {"step_defaults": "retry:2"},
            "KP142 metadata 'kernelpipe.step_defaults' is not a list of tags",
        ),
        (
            {"step_defaults": ["skip"]},
            "KP143 'skip' is no setting that steps can have by default",
        ),
        (
            {"step_defaults": ["register:churn"]},
            "KP143 'register:churn' is no setting that steps can have by default",
        ),
        (
            {"step_defaults": ["cpu:many"]},
            "KP114 step default 'cpu:many': 'many' is no number of CPUs",
        ),
        (
            {"step_defaults": ["cpu:1", "cpu:2"]},
            "KP133 step default 'cpu:2': 'cpu' is set before, otherwise",
        ),
        ({"notify": 3}, "KP142 metadata 'kernelpipe.notify' is not a text or a list of texts"),
        ({"notify": [3]}, "KP142 metadata 'kernelpipe.notify' is not a text or a list of texts"),
        ("churn", "KP103 metadata 'kernelpipe' is not a mapping; it is not read"),
    ],
)
def test_metadata__own_is_wrong__says_so(own: object, finding: str) -> None:
    """Each mistake is one finding about the whole notebook."""
    assert _settings({"kernelpipe": own})[1] == [finding]


def test_metadata__newer_version__keeps_what_is_not_known() -> None:
    """Backends report what they do not honour."""
    settings, _ = _settings({"kernelpipe": {"version": 7, "name": "a", "sweep": {"lr": [1]}}})

    assert settings.name == "a"
    assert _others(settings) == {"kernelpipe.sweep": '{"lr": [1]}'}


@pytest.mark.parametrize("kale", [kit.kale_0(), kit.kale_2()])
def test_metadata__kale_as_its_panel_writes_it__leaves_nothing_over(kale: kit.JSON) -> None:
    """Entries that do nothing in Kale are not worth a word."""
    settings, found = _settings(kale)

    assert found == []
    assert (settings.name, settings.description, settings.experiment, settings.other) == (
        "titanic-ml",
        "Predict Titanic survivors",
        "titanic",
        (),
    )


@pytest.mark.parametrize(
    ("changes", "defaults"),
    [
        ({"docker_image": "python:3.12"}, StepSettings(image="python:3.12")),
        ({"base_image": "python:3.12"}, StepSettings(image="python:3.12")),
        ({"enable_caching": False}, StepSettings(cache=False)),
        ({"steps_defaults": ["limit:cpu:2"]}, StepSettings(cpu="2")),
        (
            {"base_image": "a:1", "steps_defaults": ["image:b:2"]},
            StepSettings(image="b:2"),
        ),
        (
            {"steps_defaults": {"labels": {"a": "b"}, "limits": {"nvidia.com/gpu": 1}}},
            StepSettings(gpu=1, gpu_type="nvidia.com/gpu", labels=(NamedText(key="a", value="b"),)),
        ),
    ],
)
def test_metadata__kale_settings__are_step_defaults(
    changes: dict[str, Any], defaults: StepSettings
) -> None:
    """What Kale gives to every step, every step has."""
    settings, found = _settings(kit.kale_0(**changes))

    assert found == []
    assert settings.step_defaults == defaults


def test_metadata__kale_extras__are_kept_for_backends_to_report() -> None:
    """What has an effect in Kale and no setting here is not dropped in silence."""
    volumes = [{"name": "v", "mount_point": "/v", "type": "pvc", "snapshot": True}]

    settings, found = _settings(
        kit.kale_2(
            volumes=volumes,
            storage_class_name="fast",
            volume_access_mode="rwo",
            autosnapshot=True,
            katib_run=True,
            katib_metadata={"maxTrialCount": 3},
            kfp_host="h",
            security_context={"run_as_user": 1},
            timeout=60,
            marshal_path="/marshal",
            notebook_path="n.ipynb",
        )
    )

    assert found == []
    assert _others(settings) == {
        "kubeflow_notebook.autosnapshot": "true",
        "kubeflow_notebook.katib_metadata": '{"maxTrialCount": 3}',
        "kubeflow_notebook.katib_run": "true",
        "kubeflow_notebook.kfp_host": '"h"',
        "kubeflow_notebook.security_context": '{"run_as_user": 1}',
        "kubeflow_notebook.storage_class_name": '"fast"',
        "kubeflow_notebook.timeout": "60",
        "kubeflow_notebook.volume_access_mode": '"rwo"',
        "kubeflow_notebook.volumes": '[{"mount_point": "/v", "name": "v", "snapshot": true, '
        '"type": "pvc"}]',
    }


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"pipeline_name": 3}, "KP142 metadata 'kubeflow_notebook.pipeline_name' is not text"),
        ({"experiment": "x"}, "KP142 metadata 'kubeflow_notebook.experiment' is not a mapping"),
        ({"base_image": 3}, "KP142 metadata 'kubeflow_notebook.base_image' is not text"),
        (
            {"base_image": "A B"},
            "KP126 step default 'image:A B': 'A B' is no image reference",
        ),
        (
            {"enable_caching": "yes"},
            "KP142 metadata 'kubeflow_notebook.enable_caching' is not true or false",
        ),
        (
            {"steps_defaults": {"labels": 3}},
            "KP142 metadata 'kubeflow_notebook.steps_defaults' is not a list of tags",
        ),
    ],
)
def test_metadata__kale_is_wrong__says_so(changes: dict[str, Any], finding: str) -> None:
    """Kale's metadata is checked as ours is."""
    assert _settings(kit.kale_2(**changes))[1] == [finding]


def test_metadata__both_differ__ours_holds() -> None:
    """A notebook on its way from Kale may have both."""
    own = {"version": 1, "name": "ours", "step_defaults": ["cache:off"]}

    settings, found = _settings(kit.kale_2() | {"kernelpipe": own})

    assert (settings.name, settings.step_defaults.cache) == ("ours", False)
    assert found == [
        "KP144 metadata 'kernelpipe' and 'kubeflow_notebook' differ in 'cache'; the first holds",
        "KP144 metadata 'kernelpipe' and 'kubeflow_notebook' differ in 'name'; the first holds",
    ]
