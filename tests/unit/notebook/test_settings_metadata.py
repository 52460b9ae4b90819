"""Settings in the metadata of cells and of the notebook: what is wrong with them is said."""

from typing import Any

import kit
import pytest

from kernelpipe.model.notebook import Notebook
from kernelpipe.model.settings import (
    Backoff,
    Mount,
    MountKind,
    NamedText,
    PipelineSettings,
    StepSettings,
    TimeToLive,
    Toleration,
    Workspace,
)
from kernelpipe.notebook import parse_notebook

DATA = Mount(kind=MountKind.CLAIM, name="data", path="/data")


def read(*cells: dict[str, Any], **metadata: Any) -> Notebook:
    """Return the notebook of ``cells``; ``metadata`` is the notebook's below ``kernelpipe``."""
    content = kit.notebook(*cells, metadata={"kernelpipe": metadata} if metadata else None)
    return parse_notebook(kit.encode(content), path="n.ipynb")


def cell(own: object, *tags: str) -> dict[str, Any]:
    """Return a cell of step 'a' with metadata."""
    return kit.code("x = 1", "step:a", *tags, kernelpipe=own)


def findings(notebook: Notebook) -> list[str]:
    """Return code, message and, after a bar, the hint of each finding."""
    return [
        f"{d.code} {d.message}" + (f" | {d.hint}" if d.hint else "") for d in notebook.diagnostics
    ]


@pytest.mark.parametrize(
    ("own", "finding"),
    [
        pytest.param(
            {"tolerationz": []},
            "KP140 metadata 'kernelpipe' has the key 'tolerationz', which is not known"
            " | did you mean 'tolerations'?",
            id="unknown",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data", "path": "/d", "sub_pth": "x"}]},
            "KP140 metadata 'kernelpipe.mounts[0]' has the key 'sub_pth', which is not known"
            " | did you mean 'sub_path'?",
            id="unknown-inside",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data", "path": "/d", "size": "1Gi"}]},
            "KP140 metadata 'kernelpipe.mounts[0]' has the key 'size', which is not known"
            " | keys are: pvc, path, sub_path",
            id="key-of-another-kind",
        ),
        pytest.param(
            [], "KP103 metadata 'kernelpipe' is not a mapping; it is not read", id="no-mapping"
        ),
        pytest.param(
            {"mounts": {}}, "KP142 metadata 'kernelpipe.mounts' is not a list", id="no-list"
        ),
        pytest.param(
            {"mounts": ["data"]},
            "KP142 metadata 'kernelpipe.mounts[0]' is not a mapping",
            id="item-no-mapping",
        ),
        pytest.param(
            {"mounts": [{"path": "/d"}]},
            "KP142 metadata 'kernelpipe.mounts[0]' must have one of secret, config_map, pvc, "
            "ephemeral, empty_dir, to say what is mounted"
            ' | for example {"pvc": "data", "path": "/data"}',
            id="mount-of-nothing",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data", "path": 3}]},
            "KP142 metadata 'kernelpipe.mounts[0].path' is not a text",
            id="path-no-text",
        ),
        pytest.param(
            {"mounts": [{"empty_dir": "e", "path": "/e", "size": 3}]},
            "KP142 metadata 'kernelpipe.mounts[0].size' is not a text",
            id="size-no-text",
        ),
        pytest.param(
            {"tolerations": ["gpu"]},
            "KP142 metadata 'kernelpipe.tolerations[0]' is not a mapping",
            id="toleration-no-mapping",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data"}]},
            "KP142 metadata 'kernelpipe.mounts[0]' has no 'path' | keys are: pvc, path, sub_path",
            id="mount-nowhere",
        ),
        pytest.param(
            {"mounts": [{"pvc": "My Data", "path": "/d"}]},
            "KP145 metadata 'kernelpipe.mounts[0].pvc' is 'My Data', which cannot name a pvc"
            " | did you mean 'my-data'?",
            id="name",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data", "path": "data"}]},
            "KP145 metadata 'kernelpipe.mounts[0].path' is 'data', which is no absolute path",
            id="path",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data", "path": "/a/../b"}]},
            "KP145 metadata 'kernelpipe.mounts[0].path' is '/a/../b', which is no absolute path",
            id="path-upwards",
        ),
        pytest.param(
            {"mounts": [{"pvc": "data", "path": "/d", "sub_path": "/x"}]},
            "KP145 metadata 'kernelpipe.mounts[0].sub_path' is '/x', which is no path inside the "
            "volume",
            id="sub-path",
        ),
        pytest.param(
            {"mounts": [{"ephemeral": "tmp", "path": "/d", "size": "10GB"}]},
            "KP145 metadata 'kernelpipe.mounts[0].size' is '10GB', which is no amount of storage"
            " | did you mean '10Gi'?",
            id="size",
        ),
        pytest.param(
            {
                "mounts": [
                    {"ephemeral": "t", "path": "/d", "size": "1Gi", "access_modes": ["ReadWrite"]}
                ]
            },
            "KP145 metadata 'kernelpipe.mounts[0].access_modes[0]' is 'ReadWrite', which is none "
            "of ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod"
            " | did you mean 'ReadWriteOnce'?",
            id="access-mode",
        ),
        pytest.param(
            {"mounts": [{"pvc": "a", "path": "/d"}, {"pvc": "b", "path": "/d/"}]},
            "KP145 metadata 'kernelpipe.mounts[1]' mounts at '/d', as another one does",
            id="same-path",
        ),
        pytest.param(
            {"mounts": [{"secret": "a", "path": "/d", "optional": "yes"}]},
            "KP142 metadata 'kernelpipe.mounts[0].optional' is not true or false",
            id="truth",
        ),
        pytest.param(
            {"tolerations": [{"operator": "Exist"}]},
            "KP145 metadata 'kernelpipe.tolerations[0].operator' is 'Exist', which is none of "
            "Equal, Exists | did you mean 'Exists'?",
            id="operator",
        ),
        pytest.param(
            {"tolerations": [{"effect": "NoSchedule"}]},
            "KP145 metadata 'kernelpipe.tolerations[0]' has no 'key'"
            " | the operator 'Exists' without a key tolerates every taint",
            id="toleration-without-key",
        ),
        pytest.param(
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "KP145 metadata 'kernelpipe.tolerations[0]' has a 'value', but the operator 'Exists' "
            "takes none",
            id="toleration-value",
        ),
        pytest.param(
            {"tolerations": [{"key": "a", "seconds": 5}]},
            "KP145 metadata 'kernelpipe.tolerations[0]' has 'seconds', which need the effect "
            "'NoExecute' to mean anything",
            id="toleration-seconds",
        ),
        pytest.param(
            {"node_selector": {"disk": "s s d"}},
            "KP145 metadata 'kernelpipe.node_selector.disk' is 's s d', which cannot be the text "
            "of a label of nodes | at most 63 letters, digits, '-', '_', '.'",
            id="label-text",
        ),
        pytest.param(
            {"labels": {"te am": "a"}},
            "KP145 metadata 'kernelpipe.labels' has the key 'te am', which cannot name a label",
            id="label-key",
        ),
        pytest.param(
            {"env": {"A": 1}}, "KP142 metadata 'kernelpipe.env.A' is not a text", id="env-text"
        ),
        pytest.param(
            {"env": []}, "KP142 metadata 'kernelpipe.env' is not a mapping", id="env-mapping"
        ),
        pytest.param(
            {"image_pull_secrets": ["A_B"]},
            "KP145 metadata 'kernelpipe.image_pull_secrets[0]' is 'A_B', which cannot name a "
            "secret | did you mean 'a-b'?",
            id="pull-secret",
        ),
        pytest.param(
            {"image_pull_policy": "always"},
            "KP145 metadata 'kernelpipe.image_pull_policy' is 'always', which is none of Always, "
            "IfNotPresent, Never | did you mean 'Always'?",
            id="pull-policy",
        ),
        pytest.param(
            {"image_pull_policy": ""},
            "KP142 metadata 'kernelpipe.image_pull_policy' is not a text",
            id="empty",
        ),
        pytest.param(
            {"retry": 3}, "KP142 metadata 'kernelpipe.retry' is not a mapping", id="retry"
        ),
        pytest.param(
            {"retry": {"pause": "1s"}},
            "KP142 metadata 'kernelpipe.retry' has no 'count'"
            " | keys are: count, pause, factor, within",
            id="retry-without-count",
        ),
        pytest.param(
            {"retry": {"count": True}},
            "KP142 metadata 'kernelpipe.retry.count' is not a whole number of at least 0",
            id="retry-count",
        ),
        pytest.param(
            {"retry": {"count": 1, "pause": "soon"}},
            "KP142 metadata 'kernelpipe.retry.pause' is not a length of time such as '90s', "
            "'10m', '1h30m' or '7d'",
            id="retry-pause",
        ),
        pytest.param(
            {"retry": {"count": 1, "factor": 2}},
            "KP142 metadata 'kernelpipe.retry.factor' has no meaning without a 'pause'",
            id="retry-factor-alone",
        ),
        pytest.param(
            {"version": 9},
            "KP141 metadata 'kernelpipe' has version 9; this kernelpipe knows 1"
            " | upgrade kernelpipe: pip install --upgrade kernelpipe",
            id="version",
        ),
    ],
)
def test_cell_metadata__wrong__is_one_finding_with_its_place(own: object, finding: str) -> None:
    """Each mistake names the value's place, and is at the cell."""
    notebook = read(kit.code("y = 1", "step:b"), cell(own))

    assert findings(notebook) == [finding]
    assert [d.location.cell_index for d in notebook.diagnostics] == [1]


@pytest.mark.parametrize(
    ("own", "finding"),
    [
        pytest.param(
            {"workspace": {"storage_class": "fast"}},
            "KP142 metadata 'kernelpipe.workspace' has no 'size'"
            " | keys are: size, storage_class, access_modes",
            id="workspace-size",
        ),
        pytest.param(
            {"workspace": {"size": "big"}},
            "KP145 metadata 'kernelpipe.workspace.size' is 'big', which is no amount of storage"
            " | write 10Gi or 500Mi",
            id="workspace-amount",
        ),
        pytest.param(
            {"ttl": {"sucess": "1d"}},
            "KP140 metadata 'kernelpipe.ttl' has the key 'sucess', which is not known"
            " | did you mean 'success'?",
            id="ttl-key",
        ),
        pytest.param(
            {"ttl": 0},
            "KP142 metadata 'kernelpipe.ttl' is not a length of time such as '90s', '10m', "
            "'1h30m' or '7d'",
            id="ttl",
        ),
        pytest.param(
            {"deadline": True},
            "KP142 metadata 'kernelpipe.deadline' is not a length of time such as '90s', '10m', "
            "'1h30m' or '7d'",
            id="deadline",
        ),
        pytest.param(
            {"parallelism": 0},
            "KP142 metadata 'kernelpipe.parallelism' is not a whole number of at least 1",
            id="parallelism",
        ),
        pytest.param(
            {"service_account": "Me"},
            "KP145 metadata 'kernelpipe.service_account' is 'Me', which cannot name a service "
            "account | did you mean 'me'?",
            id="service-account",
        ),
        pytest.param(
            {"step_defaults": {"tags": ["retry:often"]}},
            "KP118 step default 'retry:often': 'often' is no whole number | write retry:2",
            id="default-tag",
        ),
        pytest.param(
            {"step_defaults": {"mount": []}},
            "KP140 metadata 'kernelpipe.step_defaults' has the key 'mount', which is not known"
            " | did you mean 'mounts'?",
            id="default-key",
        ),
    ],
)
def test_notebook_metadata__wrong__is_one_finding_with_its_place(
    own: dict[str, Any], finding: str
) -> None:
    """The notebook's metadata is read as strictly."""
    assert findings(read(kit.code("x = 1", "step:a"), **own)) == [finding]


def test_cell_metadata__right__joins_the_tags() -> None:
    """A cell may say some of it in tags and the rest in metadata."""
    own = {
        "version": 1,
        "retry": {"count": 2, "pause": 1.5},
        "mounts": [{"pvc": "data", "path": "/data"}],
        "tolerations": [{"operator": "Exists"}],
    }

    notebook = read(cell(own, "cpu:2", "retry:2"))

    assert notebook.diagnostics == ()
    assert notebook.cells[0].settings == StepSettings(
        cpu="2",
        retry=2,
        backoff=Backoff(first_s=2),
        mounts=(DATA,),
        tolerations=(Toleration(operator="Exists"),),
    )


def test_cell_metadata__misspelt_kind_of_mount__is_named() -> None:
    """Nothing is mounted, and the nearest kind is told."""
    found = findings(read(cell({"mounts": [{"pvcs": "data", "path": "/d"}]})))

    assert found[0] == (
        "KP140 metadata 'kernelpipe.mounts[0]' has the key 'pvcs', which is not known"
        " | did you mean 'pvc'?"
    )
    assert found[1].startswith("KP142 metadata 'kernelpipe.mounts[0]' must have one of ")


def test_notebook_metadata__null__is_as_if_it_were_left_out() -> None:
    """An empty form in an editor may leave one."""
    assert read(kit.code("x = 1", "step:a"), deadline=None).settings == PipelineSettings()


def test_cell_metadata__tag_says_otherwise__is_an_error() -> None:
    """Which of the two holds is nobody's choice."""
    assert findings(read(cell({"retry": {"count": 2}}, "retry:3"))) == [
        "KP133 metadata 'kernelpipe': a tag of this cell sets 'retry' otherwise | keep one of them"
    ]


def test_cell_metadata__setup_cell__is_without_effect() -> None:
    """Settings belong to steps."""
    setup = kit.code("import os", "imports", kernelpipe={"env": {"A": "b"}})

    assert findings(read(setup, kit.code("x = os", "step:a"))) == [
        (
            "KP134 the cell is setup ('imports'), so 'metadata.kernelpipe' has no effect"
            " | tag a cell of a step, or use 'step_defaults' in the notebook's metadata"
        )
    ]


def test_cell_metadata__text_cell__is_without_effect() -> None:
    """Text does not run."""
    text = kit.markdown("# A") | {"metadata": {"kernelpipe": {"env": {"A": "b"}}}}

    assert findings(read(text, kit.code("x = 1", "step:a"))) == [
        (
            "KP134 this is a markdown cell, so 'metadata.kernelpipe' has no effect"
            " | tag the code cell instead"
        )
    ]


def test_cell_metadata__of_a_finished_step__is_nothing_to_say() -> None:
    """The notebooks of steps that ran say in it which cell of the source a cell is."""
    assert findings(read(cell({"cell": 3, "role": "step"}))) == []


def test_notebook_metadata__right__is_typed() -> None:
    """Every key beyond texts has its type."""
    settings = read(
        kit.code("x = 1", "step:a"),
        step_defaults={"tags": ["cpu:1"], "node_selector": {"disk": "ssd"}},
        workspace={"size": "1Gi"},
        ttl={"finished": "1d", "failure": "7d"},
        deadline=90.5,
        parallelism=3,
        service_account="runner",
        merge=True,
    ).settings

    assert settings == PipelineSettings(
        step_defaults=StepSettings(cpu="1", node_selector=(NamedText(key="disk", value="ssd"),)),
        workspace=Workspace(size="1Gi"),
        ttl=TimeToLive(finished_s=86400, failure_s=604800),
        deadline_s=91,
        parallelism=3,
        service_account="runner",
        merge=True,
    )


def test_kale_volumes__existing_claims__become_mounts_of_every_step() -> None:
    """What Kale does with them is what a mount says; anything else is kept to be reported."""
    claim = {"name": "data", "mount_point": "/data", "type": "pvc", "snapshot": False, "size": 5}
    new = {"name": "new", "mount_point": "/new", "type": "new_pvc", "size": 5}
    metadata = kit.kale_0(volumes=[claim, new])
    content = kit.notebook(kit.code("x = 1", "block:a"), metadata=metadata)

    notebook = parse_notebook(kit.encode(content), path="n.ipynb")

    assert notebook.diagnostics == ()
    assert notebook.settings.step_defaults.mounts == (DATA,)
    assert [(entry.key, entry.value) for entry in notebook.settings.other] == [
        (
            "kubeflow_notebook.volume_access_mode",
            '"rwm"',
        ),
        (
            "kubeflow_notebook.volumes",
            '[{"mount_point": "/new", "name": "new", "size": 5, "type": "new_pvc"}]',
        ),
    ]


def test_kale_volumes__only_existing_claims__nothing_is_left_over() -> None:
    """How new volumes would be made has no effect without one."""
    claim = {"name": "data", "mount_point": "/data", "type": "pvc"}
    content = kit.notebook(
        kit.code("x = 1", "block:a"), metadata=kit.kale_2(volumes=[claim], storage_class_name="f")
    )

    settings = parse_notebook(kit.encode(content), path="n.ipynb").settings

    assert (settings.step_defaults.mounts, settings.other) == ((DATA,), ())


def test_kale_volumes__wrong__is_a_finding() -> None:
    """Kale's metadata is checked as ours is."""
    claim = {"name": "Data", "mount_point": "data", "type": "pvc"}
    content = kit.notebook(kit.code("x = 1", "block:a"), metadata=kit.kale_2(volumes=[claim]))

    found = findings(parse_notebook(kit.encode(content), path="n.ipynb"))

    assert found == [
        "KP145 metadata 'kubeflow_notebook.mounts[0].path' is 'data', which is no absolute path",
        (
            "KP145 metadata 'kubeflow_notebook.mounts[0].pvc' is 'Data', which cannot name a pvc"
            " | did you mean 'data'?"
        ),
    ]


def test_kale_volumes__no_list__is_a_finding() -> None:
    """A mapping in its place is not dropped."""
    content = kit.notebook(kit.code("x = 1", "block:a"), metadata=kit.kale_2(volumes={"a": 1}))

    assert findings(parse_notebook(kit.encode(content), path="n.ipynb")) == [
        "KP142 metadata 'kubeflow_notebook.volumes' is not a list"
    ]
