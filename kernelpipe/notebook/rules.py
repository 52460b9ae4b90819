"""The findings of reading notebooks and their tags, KP1xx: what each means and why."""

from collections.abc import Iterable
from dataclasses import dataclass

from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of finding; ``bad`` shows it, ``good`` is free of it.

    The examples are notebooks in percent format (a line ``# %% TAG TAG`` begins a cell) or, where
    that cannot show it, the JSON text of a notebook file.
    """

    code: str
    name: str
    severity: Severity
    why: str
    bad: str
    good: str

    def at(
        self,
        location: Location,
        message: str,
        hint: str | None = None,
        related: Iterable[tuple[Location, str]] = (),
    ) -> Diagnostic:
        """Return a diagnostic of this rule."""
        return Diagnostic(
            code=self.code,
            severity=self.severity,
            message=message,
            location=location,
            hint=hint,
            related=tuple(related),
        )


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def _file(cells: str, metadata: str = "{}", *, minor: int = 4) -> str:
    return (
        f'{{"nbformat": 4, "nbformat_minor": {minor}, "metadata": {metadata}, "cells": [{cells}]}}'
    )


def _cell(source: str, metadata: str = "{}", more: str = "") -> str:
    return (
        f'{{"cell_type": "code", "metadata": {metadata}, "source": "{source}", "outputs": [], '
        f'"execution_count": null{more}}}'
    )


_TAGS_A = '{"tags": ["step:a"]}'
_ID_C, _ID_D = ', "id": "c"', ', "id": "d"'
_STEP = _cell("x = 1", _TAGS_A)
_STEP_C = _cell("x = 1", _TAGS_A, _ID_C)

ENCODING = Rule(
    code="KP101",
    name="not-utf-8",
    severity=_WARNING,
    why="Notebooks are UTF-8. Another encoding cannot be told from the file alone, so characters "
    "in strings may be read as other ones than were meant.",
    bad=_file(_cell("x = 'caf\xe9'", '{"tags": ["step:a"]}')),
    good=_file(_STEP),
)
NEWER_FORMAT = Rule(
    code="KP102",
    name="newer-format",
    severity=_INFO,
    why="Minor versions of the notebook format add things and change nothing, so a newer one is "
    "read as the newest one known; what it adds is not seen.",
    bad=_file(_STEP, minor=9),
    good=_file(_STEP),
)
ODD_METADATA = Rule(
    code="KP103",
    name="odd-metadata",
    severity=_WARNING,
    why="Metadata that does not have the form that Jupyter gives it (tags are a list of text) "
    "cannot be read, so what it was meant to say has no effect.",
    bad=_file(_cell("x = 1", '{"tags": "step:a"}')),
    good=_file(_STEP),
)
DUPLICATE_ID = Rule(
    code="KP104",
    name="duplicate-cell-id",
    severity=_INFO,
    why="Each cell has an id of its own; tools that copy cells may copy the id, too. The later "
    "cell is read under a new id, so links to it by the old one lead to the earlier cell.",
    bad=_file(f"{_STEP_C}, {_cell('y = 1', '{}', _ID_C)}", minor=5),
    good=_file(f"{_STEP_C}, {_cell('y = 1', '{}', _ID_D)}", minor=5),
)
HALF_CHARACTER = Rule(
    code="KP105",
    name="half-character",
    severity=_ERROR,
    why="Half of a UTF-16 pair is no character. JSON can hold one, but no kernel can be sent it: "
    "the cell cannot run.",
    bad=_file(_cell(r"x = '\ud83d'", '{"tags": ["step:a"]}')),
    good=_file(_cell(r"x = '\ud83d\ude00'", '{"tags": ["step:a"]}')),
)

LIKELY_TYPO = Rule(
    code="KP110",
    name="likely-typo",
    severity=_WARNING,
    why="Tags that are not ours are left alone, so a misspelt one of ours would have no effect "
    "and nobody would know.",
    bad="# %% parameter\nn = 1\n# %% step:a\nx = n\n",
    good="# %% parameters\nn = 1\n# %% step:a hide-input\nx = n\n",
)
MISSPELT = Rule(
    code="KP129",
    name="misspelt-tag",
    severity=_ERROR,
    why="A word and a colon that are a letter away from a tag of ours are that tag misspelt: left "
    "alone, the step or the setting would be missing.",
    bad="# %% step:a\nx = 1\n# %% stpe:b\ny = 1\n",
    good="# %% step:a slide:b\nx = 1\n# %% step:b\ny = 1\n",
)
STEP_NAME = Rule(
    code="KP111",
    name="step-name",
    severity=_ERROR,
    why="A step's name becomes the name of files and of tasks on a cluster: letters, digits, '_' "
    "and '-', and a letter or '_' first.",
    bad="# %% step:1-load\nx = 1\n",
    good="# %% step:load-1\nx = 1\n",
)
PREV_NAME = Rule(
    code="KP112",
    name="prev-name",
    severity=_ERROR,
    why="'prev:' and 'after:' each name one step; text that is no step's name can order nothing.",
    bad="# %% step:a\nx = 1\n# %% step:b prev:a,c\ny = 1\n",
    good="# %% step:a\nx = 1\n# %% step:b prev:a\ny = 1\n",
)
MISSING_VALUE = Rule(
    code="KP113",
    name="missing-value",
    severity=_ERROR,
    why="A tag that ends with its colon sets nothing.",
    bad="# %% step:a image:\nx = 1\n",
    good="# %% step:a image:python:3.12\nx = 1\n",
)
CPU = Rule(
    code="KP114",
    name="cpu",
    severity=_ERROR,
    why="CPUs are counted as Kubernetes counts them: '2', '0.5', or '500m' for half of one.",
    bad="# %% step:a cpu:two\nx = 1\n",
    good="# %% step:a cpu:500m\nx = 1\n",
)
MEMORY = Rule(
    code="KP115",
    name="memory",
    severity=_ERROR,
    why="Memory is a Kubernetes quantity: '4Gi' (1024-based), '500M' (1000-based). 'GB' is none, "
    "'m' means thousandths, and a bare '4' is four bytes, in which nothing can run.",
    bad="# %% step:a memory:4GB\nx = 1\n",
    good="# %% step:a memory:4Gi\nx = 1\n",
)
GPU = Rule(
    code="KP116",
    name="gpu",
    severity=_ERROR,
    why="GPUs are whole: a cluster assigns none in parts.",
    bad="# %% step:a gpu:0.5\nx = 1\n",
    good="# %% step:a gpu:1\nx = 1\n",
)
LIMIT = Rule(
    code="KP117",
    name="limit",
    severity=_ERROR,
    why="A limit names a resource of the cluster and an amount of it.",
    bad="# %% step:a limit:nvidia.com/gpu\nx = 1\n",
    good="# %% step:a limit:nvidia.com/gpu:1\nx = 1\n",
)
RETRY = Rule(
    code="KP118",
    name="retry",
    severity=_ERROR,
    why="'retry' is how many further attempts a failed step gets, as a whole number.",
    bad="# %% step:a retry:twice\nx = 1\n",
    good="# %% step:a retry:2\nx = 1\n",
)
TIMEOUT = Rule(
    code="KP119",
    name="timeout",
    severity=_ERROR,
    why="A timeout is a time of more than nothing: '90s', '10m', '1h30m', or seconds as a number.",
    bad="# %% step:a timeout:soon\nx = 1\n",
    good="# %% step:a timeout:1h30m\nx = 1\n",
)
SWITCH = Rule(
    code="KP120",
    name="switch",
    severity=_ERROR,
    why="'cache', 'report' and 'checkpoint' are switched 'on' or 'off' ('enabled' and 'disabled' "
    "are read, too).",
    bad="# %% step:a cache:maybe\nx = 1\n",
    good="# %% step:a cache:off\nx = 1\n",
)
ENV = Rule(
    code="KP121",
    name="env",
    severity=_ERROR,
    why="An environment variable needs a name that a shell takes, and its text after a colon.",
    bad="# %% step:a env:MODE\nx = 1\n",
    good="# %% step:a env:MODE:fast\nx = 1\n",
)
SECRET = Rule(
    code="KP122",
    name="secret",
    severity=_ERROR,
    why="A secret (or a config map) is read from one key of one named secret of the cluster into "
    "one environment variable: all three must be given.",
    bad="# %% step:a secret:aws:key\nx = 1\n",
    good="# %% step:a secret:aws:key:AWS_KEY\nx = 1\n",
)
LABEL = Rule(
    code="KP123",
    name="label",
    severity=_ERROR,
    why="A cluster refuses pods whose labels or annotations do not have its form: a key of "
    "letters, digits, '-', '_' and '.', perhaps after a 'domain/', then a colon and the text.",
    bad="# %% step:a label:team\nx = 1\n",
    good="# %% step:a label:team:search\nx = 1\n",
)
WHEN = Rule(
    code="KP124",
    name="when",
    severity=_ERROR,
    why="A condition is a Python expression over metrics and parameters.",
    bad="# %% step:a when:acc>>\nx = 1\n",
    good="# %% step:a when:acc>0.9\nx = 1\n",
)
FOREACH = Rule(
    code="KP125",
    name="foreach",
    severity=_ERROR,
    why="'foreach' names the variable and the list parameter whose items it takes.",
    bad="# %% step:a foreach:lr\nx = 1\n",
    good=_file(_cell("x = lr", '{"tags": ["step:a", "foreach:lr in rates"]}')),
)
IMAGE = Rule(
    code="KP126",
    name="image",
    severity=_ERROR,
    why="An image that is no image reference fails only when the pod starts: repository in small "
    "letters, then perhaps ':TAG' or '@sha256:DIGEST'.",
    bad="# %% step:a image:Python:3.12:slim\nx = 1\n",
    good="# %% step:a image:registry.example:5000/team/python:3.12\nx = 1\n",
)
COMPOSITION = Rule(
    code="KP127",
    name="composition",
    severity=_ERROR,
    why="Kale's 'notebook:' makes a step of another notebook. That is not supported yet, and "
    "leaving the step out would be another pipeline.",
    bad="# %% notebook:clean\nx = 1\n",
    good="# %% step:clean\nx = 1\n",
)
UNEXPECTED_VALUE = Rule(
    code="KP128",
    name="unexpected-value",
    severity=_ERROR,
    why="Tags such as 'skip' say all by being there; a value after them has no meaning.",
    bad="# %% skip:today\nx = 1\n",
    good="# %% skip\nx = 1\n",
)

CONFLICTING_ROLES = Rule(
    code="KP130",
    name="conflicting-roles",
    severity=_ERROR,
    why="A cell is either part of a step or setup, parameters, metrics or test: these run at "
    "different times.",
    bad="# %% imports step:a\nx = 1\n",
    good="# %% imports\nx = 1\n",
)
TWO_STEPS = Rule(
    code="KP131",
    name="two-steps",
    severity=_ERROR,
    why="A cell belongs to one step; run in two, its changes would happen twice.",
    bad="# %% step:a step:b\nx = 1\n",
    good="# %% step:a\nx = 1\n",
)
REPEATED = Rule(
    code="KP132",
    name="repeated-tag",
    severity=_INFO,
    why="A tag that stands twice on one cell says nothing more than once; perhaps another one "
    "was meant.",
    bad="# %% step:a step:a\nx = 1\n",
    good="# %% step:a\nx = 1\n",
)
TWO_VALUES = Rule(
    code="KP133",
    name="two-values",
    severity=_ERROR,
    why="Two values for one setting on one cell: only one can hold, and the order of tags is "
    "nobody's choice.",
    bad="# %% step:a cpu:1 limit:cpu:2\nx = 1\n",
    good="# %% step:a cpu:1\nx = 1\n",
)
NO_EFFECT = Rule(
    code="KP134",
    name="no-effect",
    severity=_WARNING,
    why="Settings and order belong to steps. On a skipped cell, on setup or on text they change "
    "nothing.",
    bad="# %% imports cpu:2\nimport os\n# %% step:a\nx = os\n",
    good="# %% imports\nimport os\n# %% step:a cpu:2\nx = os\n",
)
NO_STEP_ABOVE = Rule(
    code="KP135",
    name="no-step-above",
    severity=_ERROR,
    why="The tags speak of the step that the cell belongs to, but no step has begun yet.",
    bad="# %% prev:b\nx = 1\n# %% step:a\ny = 1\n",
    good="# %% step:b\nx = 1\n# %% step:a prev:b\ny = 1\n",
)

REGISTER = Rule(
    code="KP136",
    name="model-name",
    severity=_ERROR,
    why="'register:' takes the name under which the step's model is registered, and after a colon "
    "the variable that holds the model where the step has several. MLflow's names of models have "
    "no slash and no colon.",
    bad="# %% step:train register:churn/v2\nmodel = 1",
    good="# %% step:train register:churn:model\nmodel = 1",
)
UNKNOWN_KEY = Rule(
    code="KP140",
    name="unknown-metadata",
    severity=_WARNING,
    why="Keys that are not known have no effect; a misspelt one would go unnoticed.",
    bad=_file(_STEP, '{"kernelpipe": {"version": 1, "nmae": "churn"}}'),
    good=_file(_STEP, '{"kernelpipe": {"version": 1, "name": "churn"}}'),
)
NEWER_METADATA = Rule(
    code="KP141",
    name="newer-metadata",
    severity=_WARNING,
    why="Metadata written by a newer kernelpipe may mean things that this one does not know.",
    bad=_file(_STEP, '{"kernelpipe": {"version": 99}}'),
    good=_file(_STEP, '{"kernelpipe": {"version": 1}}'),
)
METADATA_VALUE = Rule(
    code="KP142",
    name="metadata-value",
    severity=_ERROR,
    why="A value of another type than the key takes cannot be used.",
    bad=_file(_STEP, '{"kernelpipe": {"version": 1, "name": 7}}'),
    good=_file(_STEP, '{"kernelpipe": {"version": 1, "name": "seven"}}'),
)
STEP_DEFAULT = Rule(
    code="KP143",
    name="step-default",
    severity=_ERROR,
    why="Defaults are settings that any step may have; a name, a role or an order belongs to one "
    "cell.",
    bad=_file(_STEP, '{"kernelpipe": {"version": 1, "step_defaults": ["step:a"]}}'),
    good=_file(_STEP, '{"kernelpipe": {"version": 1, "step_defaults": ["retry:1"]}}'),
)
TWO_METADATA = Rule(
    code="KP144",
    name="two-metadata",
    severity=_INFO,
    why="The notebook has metadata of kernelpipe and of Kale, and they differ; kernelpipe's own "
    "holds.",
    bad=_file(
        _STEP,
        '{"kernelpipe": {"version": 1, "name": "a"}, "kubeflow_notebook": {"pipeline_name": "b"}}',
    ),
    good=_file(
        _STEP,
        '{"kernelpipe": {"version": 1, "name": "a"}, "kubeflow_notebook": {"pipeline_name": "a"}}',
    ),
)
CLUSTER_VALUE = Rule(
    code="KP145",
    name="cluster-value",
    severity=_ERROR,
    why="Names, amounts, paths and words that Kubernetes refuses would fail only when the pod "
    "starts.",
    bad=_file(
        _cell(
            "x = 1",
            '{"tags": ["step:a"], "kernelpipe": {"mounts": [{"pvc": "My Data", "path": "/d"}]}}',
        )
    ),
    good=_file(
        _cell(
            "x = 1",
            '{"tags": ["step:a"], "kernelpipe": {"mounts": [{"pvc": "my-data", "path": "/d"}]}}',
        )
    ),
)

RULES = (
    ENCODING,
    NEWER_FORMAT,
    ODD_METADATA,
    DUPLICATE_ID,
    HALF_CHARACTER,
    LIKELY_TYPO,
    MISSPELT,
    STEP_NAME,
    PREV_NAME,
    MISSING_VALUE,
    CPU,
    MEMORY,
    GPU,
    LIMIT,
    RETRY,
    TIMEOUT,
    SWITCH,
    ENV,
    SECRET,
    LABEL,
    WHEN,
    FOREACH,
    IMAGE,
    COMPOSITION,
    UNEXPECTED_VALUE,
    CONFLICTING_ROLES,
    TWO_STEPS,
    REPEATED,
    TWO_VALUES,
    NO_EFFECT,
    NO_STEP_ABOVE,
    REGISTER,
    UNKNOWN_KEY,
    NEWER_METADATA,
    METADATA_VALUE,
    STEP_DEFAULT,
    TWO_METADATA,
    CLUSTER_VALUE,
)
"""Every rule of this package, by code; KP100 is a file that cannot be read at all."""
