"""What the local backend reports that it does not honour."""

from pathlib import Path
from typing import Any

import local_kit
import pytest

from kernelpipe.backends.local import check_pipeline
from kernelpipe.model.diagnostic import Severity
from kernelpipe.model.location import Location
from kernelpipe.model.settings import (
    MetadataEntry,
    NamedText,
    PipelineSettings,
    ResourceLimit,
    SecretEnv,
    StepSettings,
)

TEXT = (NamedText(key="k", value="v"),)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        pytest.param({"image": "python:3.12"}, "WARNING KP401 'image'", id="image"),
        pytest.param({"gpu": 1}, "WARNING KP401 'gpu'", id="gpu"),
        pytest.param({"gpu_type": "amd.com/gpu"}, "WARNING KP401 'limit'", id="gpu-type"),
        pytest.param(
            {"limits": (ResourceLimit(resource="tpu", amount="1"),)},
            "WARNING KP401 'limit'",
            id="limits",
        ),
        pytest.param(
            {"secrets": (SecretEnv(secret="s", key="k", env="E"),)},
            "WARNING KP401 'secret'",
            id="secrets",
        ),
        pytest.param({"labels": TEXT}, "WARNING KP401 'label'", id="labels"),
        pytest.param({"annotations": TEXT}, "WARNING KP401 'annotation'", id="annotations"),
        pytest.param({"report": False}, "INFO KP401 'report'", id="report"),
    ],
)
def test_check__setting_without_effect_here__is_reported_at_its_cell(
    tmp_path: Path, settings: dict[str, Any], text: str
) -> None:
    """Errors are those whose being ignored would change the result."""
    pipeline, _ = local_kit.pipeline(
        tmp_path / "n.ipynb", local_kit.step("a", "1"), local_kit.step("b", "2", **settings)
    )

    (found,) = check_pipeline(pipeline)

    severity, code, tag = text.split()
    assert (found.severity, found.code) == (Severity[severity], code)
    assert found.message.startswith(f"step 'b': {tag} is not ")
    assert "backend 'local'" in found.message
    assert found.location.cell_index == 1


def test_check__honoured_settings__says_nothing(tmp_path: Path) -> None:
    """These settings work here."""
    pipeline, _ = local_kit.pipeline(
        tmp_path / "n.ipynb",
        local_kit.step("a", "1", env=TEXT, retry=2, timeout_s=3.0, on_exit=True),
        local_kit.step("b", "1", when="lr > 1", cache=True, checkpoint=True, cpu="2", memory="4Gi"),
    )

    assert check_pipeline(pipeline) == ()


def test_check__defaults_and_metadata__are_reported_too(tmp_path: Path) -> None:
    """A default counts for every step; the metadata version is ours."""
    place = Location(path="n.ipynb")
    settings = PipelineSettings(
        step_defaults=StepSettings(image="x"),
        other=(
            MetadataEntry(key="version", value="1", location=place),
            MetadataEntry(key="volumes", value="[]", location=place),
        ),
    )
    pipeline, _ = local_kit.pipeline(
        tmp_path / "n.ipynb", local_kit.step("a", "1"), settings=settings
    )

    assert [str(found) for found in check_pipeline(pipeline)] == [
        "n.ipynb: warning[KP401]: notebook metadata 'volumes' is not honoured by backend 'local'",
        "n.ipynb cell 0: warning[KP401]: step 'a': 'image' is not honoured by backend 'local'",
    ]
