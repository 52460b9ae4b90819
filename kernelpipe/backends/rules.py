"""The findings of backends, KP4xx: what each means and why.

How much one matters may depend on the step (an image may bring what is missing here), so the
severity of a rule is that of most of its findings. What no short notebook shows has no examples.
"""

from kernelpipe.model.diagnostic import Severity
from kernelpipe.notebook.rules import Rule

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


def _named(name: str) -> str:
    """Return a notebook of one step whose pipeline has this name."""
    return (
        '{"nbformat": 4, "nbformat_minor": 4, '
        f'"metadata": {{"kernelpipe": {{"version": 1, "name": "{name}"}}}}, "cells": ['
        '{"cell_type": "code", "metadata": {"tags": ["step:a"]}, "source": "x = 1", '
        '"outputs": [], "execution_count": null}]}'
    )


NOT_HONOURED = Rule(
    code="KP401",
    name="not-honoured",
    severity=_WARNING,
    why="The backend cannot do what a tag or the metadata ask for. It runs without it, and says so "
    "beforehand; the finding's hint tells what happens instead.",
    bad="# %% step:a register:best:x\nx = 1\n",
    good="# %% step:a\nx = 1\n",
)
NOT_INSTALLED = Rule(
    code="KP402",
    name="package-unknown",
    severity=_ERROR,
    why="A pod installs the packages that its step imports, in the versions that are installed "
    "here. A module that is not here, or that no package here brings, has no version to install. "
    "A step whose image brings it gets a warning only.",
    bad="# %% step:a\nimport no_module_has_this_name\n",
    good="# %% step:a\nimport json\n",
)
FROM_ELSEWHERE = Rule(
    code="KP403",
    name="package-from-elsewhere",
    severity=_ERROR,
    why="A package that was installed from a folder, a repository or a file is not in a package "
    "index, where a pod could get it in the same version.",
    bad="",
    good="",
)
CODE_TOO_LARGE = Rule(
    code="KP404",
    name="code-too-large",
    severity=_ERROR,
    why="A step's code travels in the arguments of its pod, which Linux limits. Code that holds "
    "data, or large modules beside the notebook, go over that limit.",
    bad="",
    good="",
)
WORKFLOW_TOO_LARGE = Rule(
    code="KP405",
    name="workflow-too-large",
    severity=_WARNING,
    why="Argo stores a run as one object of at most 1 MB, to which each pod adds. A pipeline of "
    "very many steps or items may stop in the middle.",
    bad="",
    good="",
)
PIPELINE_NAME = Rule(
    code="KP406",
    name="pipeline-name",
    severity=_ERROR,
    why="Kubeflow's names consist of the letters a-z, digits and '-'.",
    bad=_named("数据"),
    good=_named("data"),
)
CLUSTER_REFUSES = Rule(
    code="KP407",
    name="cluster-refuses",
    severity=_ERROR,
    why="Kubernetes would refuse the pod, or Kubeflow would put something else in place of the "
    "text, and only when the step starts.",
    bad="# %% step:a env:PATTERN:{{name}}\nx = 1\n",
    good="# %% step:a env:PATTERN:name\nx = 1\n",
)
FILE_NOT_THERE = Rule(
    code="KP408",
    name="file-not-there",
    severity=_WARNING,
    why="Pods share no file system. A file that lies beside the notebook, or that another step "
    "left where it cannot travel, is not there when the step looks for it.",
    bad="",
    good="",
)
FILE_ENCLOSED = Rule(
    code="KP410",
    name="file-enclosed",
    severity=Severity.INFO,
    why="A small file beside the notebook that a step reads is part of the compiled file, as the "
    "notebook's own modules are, so that the step finds it. Whoever has that file has its content.",
    bad="",
    good="",
)
GATE_NOT_POSSIBLE = Rule(
    code="KP409",
    name="gate-not-possible",
    severity=_ERROR,
    why="On a cluster 'when:' is decided by Kubeflow, which knows fewer expressions than Python.",
    bad="# %% parameters\nlimit = [1]\n# %% step:a\nx = 1\n# %% step:b when:limit==[1]\ny = 2\n",
    good="# %% parameters\nlimit = 1\n# %% step:a\nx = 1\n# %% step:b when:limit>1\ny = 2\n",
)
REQUIREMENT = Rule(
    code="KP413",
    name="requirement",
    severity=_ERROR,
    why="What cells install ('%pip install', '!pip install', ...) is installed once, before the "
    "steps. Where that cannot give what the notebook has (another version than cells before may "
    "have used, one that is not known here, an index that pods do not know), this says so.",
    bad="",
    good="",
)
RULES = (
    NOT_HONOURED,
    NOT_INSTALLED,
    FROM_ELSEWHERE,
    CODE_TOO_LARGE,
    WORKFLOW_TOO_LARGE,
    PIPELINE_NAME,
    CLUSTER_REFUSES,
    FILE_NOT_THERE,
    GATE_NOT_POSSIBLE,
    FILE_ENCLOSED,
    REQUIREMENT,
)
