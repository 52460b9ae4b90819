"""Misspelt tags of ours are recognised; foreign tags are left alone."""

import pytest

from kernelpipe.notebook.near_tags import near_tag


@pytest.mark.parametrize(
    ("tag", "near"),
    [
        ("stp:load", "step:load"),
        ("Step:load", "step:load"),
        ("STEP : load", "step:load"),
        ("step load", "step:load"),
        ("setp:load", "step:load"),
        ("steps:load", "step:load"),
        ("prev=load", "prev:load"),
        ("perv:load", "prev:load"),
        ("previous:load", "prev:load"),
        ("imge:python", "image:python"),
        ("mem:4Gi", "memory:4Gi"),
        ("cpus:4", "cpu:4"),
        ("regster:churn", "register:churn"),
        ("registered:churn", "register:churn"),
        ("foreach lr in rates", "foreach:lr in rates"),
        ("parameter", "parameters"),
        ("param", "parameters"),
        ("import", "imports"),
        ("Imports", "imports"),
        ("fucntions", "functions"),
        ("metrcs", "metrics"),
        ("pipeline_parameters", "pipeline-parameters"),
        ("on_exit", "on-exit"),
        ("SKIP", "skip"),
        (" skip ", "skip"),
        ("step", "step:NAME"),
    ],
)
def test_near_tag__misspelt__is_the_tag_meant(tag: str, near: str) -> None:
    """The hint can be typed as it stands."""
    assert near_tag(tag) == near


@pytest.mark.parametrize(
    "tag",
    [
        "hide-input",
        "remove_cell",
        "raises-exception",
        "injected-parameters",
        "skip-execution",
        "nbval-skip",
        "solution",
        "slideshow",
        "report",
        "image",
        "en:text",
        "type:quiz",
        "page:3",
        "a:b",
        "color=red",
        "step by step guide",
        "step-1",
        "image description",
        "after lunch break",
        "text",
        "",
        ":",
    ],
)
def test_near_tag__foreign__is_left_alone(tag: str) -> None:
    """A warning about somebody else's tag would be noise."""
    assert near_tag(tag) is None
