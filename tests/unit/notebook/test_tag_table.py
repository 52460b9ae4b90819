"""Every tag of the design, as typed settings; and tags that are wrong."""

from typing import Any

import kit
import pytest

from kernelpipe.model.notebook import CellRole, Notebook
from kernelpipe.model.settings import ConfigMapEnv, NamedText, ResourceLimit, SecretEnv
from kernelpipe.notebook import parse_notebook


def _read(*tags: str, metadata: dict[str, Any] | None = None) -> Notebook:
    content = kit.notebook(
        kit.code("x = 1", "step:first"), kit.code("y = 1", *tags), metadata=metadata
    )
    return parse_notebook(kit.encode(content), path="n.ipynb")


@pytest.mark.parametrize(
    ("tag", "field", "expected"),
    [
        ("image:registry.example/a/b:1.2", "image", "registry.example/a/b:1.2"),
        ("cpu:2", "cpu", "2"),
        ("cpu:500m", "cpu", "500m"),
        ("memory:4Gi", "memory", "4Gi"),
        ("gpu:1", "gpu", 1),
        ("limit:cpu:2", "cpu", "2"),
        ("limit:memory:1Gi", "memory", "1Gi"),
        ("limit:nvidia.com/gpu:2", "gpu", 2),
        ("limit:x.y/fpga:1", "limits", (ResourceLimit(resource="x.y/fpga", amount="1"),)),
        ("request:cpu:250m", "cpu_request", "250m"),
        ("request:memory:1Gi", "memory_request", "1Gi"),
        ("config-map:s:k:E", "config_maps", (ConfigMapEnv(config_map="s", key="k", env="E"),)),
        ("retry:3", "retry", 3),
        ("timeout:10m", "timeout_s", 600.0),
        ("timeout:1h30m", "timeout_s", 5400.0),
        ("timeout:90s", "timeout_s", 90.0),
        ("cache:on", "cache", True),
        ("cache:disabled", "cache", False),
        ("report:off", "report", False),
        ("report:enabled", "report", True),
        ("checkpoint:on", "checkpoint", True),
        ("register:churn", "register", "churn"),
        ("register:churn model 2.0:model", "register", "churn model 2.0:model"),
        ("env:A:b:c", "env", (NamedText(key="A", value="b:c"),)),
        ("secret:s:k:E", "secrets", (SecretEnv(secret="s", key="k", env="E"),)),
        ("label:team:data", "labels", (NamedText(key="team", value="data"),)),
        ("annotation:a.b/c:d", "annotations", (NamedText(key="a.b/c", value="d"),)),
        ("when:accuracy > 0.5", "when", "accuracy > 0.5"),
        ("on-exit", "on_exit", True),
    ],
)  # fmt: skip
def test_parse_notebook__setting_tag__is_typed(tag: str, field: str, expected: object) -> None:
    """Each setting has its own field, with its value parsed."""
    notebook = _read("step:a", tag)

    assert notebook.diagnostics == ()
    assert getattr(notebook.cells[1].settings, field) == expected


@pytest.mark.parametrize(
    ("tags", "role", "step"),
    [
        (("step:a",), CellRole.STEP, "a"),
        (("block:a",), CellRole.STEP, "a"),
        (("step:",), CellRole.STEP, None),
        (("imports",), CellRole.IMPORTS, None),
        (("functions",), CellRole.FUNCTIONS, None),
        (("parameters",), CellRole.PARAMETERS, None),
        (("pipeline-parameters",), CellRole.PARAMETERS, None),
        (("metrics",), CellRole.METRICS, None),
        (("pipeline-metrics", "step:a"), CellRole.METRICS, "a"),
        (("test",), CellRole.TEST, None),
        (("skip",), CellRole.SKIP, None),
        (("hide-input",), CellRole.STEP, None),
        ((), CellRole.STEP, None),
    ],
)
def test_parse_notebook__role_tag__gives_the_role(
    tags: tuple[str, ...], role: CellRole, step: str | None
) -> None:
    """Ours, papermill's and Kale's words for what a cell is."""
    cell = _read(*tags).cells[1]

    assert (cell.role, cell.step) == (role, step)


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("stpe:a", "step:a"),
        ("memroy:1Gi", "memory:1Gi"),
        ("step:1a", None),
        ("cpu:lots", None),
        ("retry:often", None),
        ("timeout:soon", None),
        ("cache:maybe", None),
        ("secret:only", None),
        ("config-map:a:b", None),
        ("config-map:A:b:C", None),
        ("request:gpu:1", "request:cpu:500m"),
        ("request:memory:4GB", "request:memory:4Gi"),
    ],
)
def test_parse_notebook__wrong_tag__is_an_error_with_its_cell(tag: str, hint: str | None) -> None:
    """A tag that does not parse is never ignored."""
    (found,) = (d for d in _read("step:a", tag).diagnostics if d.severity.value == "error")

    assert found.location.cell_index == 1
    assert hint is None or hint in (found.hint or "")


def test_parse_notebook__kale_metadata__is_read() -> None:
    """Names and defaults have typed fields; the rest is kept for the backends to report."""
    metadata = kit.kale_2(steps_defaults=["label:team:data"], kfp_host="ml-pipeline")

    settings = _read("step:a", metadata={**kit.PYTHON_KERNEL, **metadata}).settings

    assert settings.name == "titanic-ml"
    assert settings.experiment == "titanic"
    assert settings.step_defaults.labels == (NamedText(key="team", value="data"),)
    assert "kubeflow_notebook.kfp_host" in {e.key for e in settings.other} or "kfp_host" in {
        e.key for e in settings.other
    }
