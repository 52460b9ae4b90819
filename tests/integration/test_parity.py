"""The YAML gives what a run on this machine gives: the small notebooks of ``tests/parity``."""

import json
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_local
import kit
import pytest
from equality.reader import split_file
from processes import Commands, wait

import kernelpipe
from kernelpipe import api
from kernelpipe.cli.main import main
from kernelpipe.errors import UsageError
from kernelpipe.model.run import RunState

pytestmark = pytest.mark.integration

CASES = Path(__file__).parents[1] / "parity" / "cases"
KEYS = frozenset({
    "given", "state", "failed", "skipped", "metrics", "values", "reasons", "attempts", "differs",
    "merged", "reason of one",
})  # fmt: skip
OWN_PACKAGE = """\
from pathlib import Path
DATA = Path(__file__).with_name('data.txt').read_text()
class Thing:
    def __init__(self, data):
        self.data = data
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A notebook of ``tests/parity/cases`` and what must come of it.

    Expectations are lines ``# KEY: TEXT`` before its first cell: ``given`` parameters, the run's
    ``state`` (SUCCEEDED unless told), the steps that ``failed`` and were ``skipped``, the run's
    ``metrics``, how many ``values`` were compared, whose ``reasons`` were (``reason of one``: of
    one of them, whichever kfp.local begins with), how many ``attempts`` steps took here, and what
    ``differs`` ("STEP: WHAT; ..."; nothing unless told). With ``merged``, task -> its steps,
    chains share a pod. ``{tmp}`` is a directory that both backends see.
    """

    name: str
    notebook: dict[str, Any]
    keys: dict[str, str]

    def names(self, key: str) -> set[str]:
        """Return what a list of names says."""
        return {name.strip() for name in self.keys.get(key, "").split(",") if name.strip()}


CASES_READ = [
    Case(name=name, keys=keys, notebook=notebook)
    for path in sorted(CASES.glob("*.cells"))
    for name, keys, notebook in split_file(path, KEYS)
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES_READ])
def test_parity__case__is_as_expected(case: Case, tmp_path: Path) -> None:
    """States, reasons, metrics and values agree, or differ as they must."""
    path = tmp_path / "beside" / "n.ipynb"
    path.parent.mkdir()
    path.write_bytes(kit.encode(case.notebook))
    (path.parent / "own_kit").mkdir()
    (path.parent / "own_kit" / "__init__.py").write_text(OWN_PACKAGE)
    (path.parent / "own_kit" / "data.txt").write_text("ä")
    (path.parent / "rows.txt").write_text("1\n2\n")
    (path.parent / "script.py").write_text("def twice(x):\n    return 2 * x\n")
    given = json.loads(case.keys.get("given", "{}").replace("{tmp}", str(tmp_path)))

    merged = json.loads(case.keys.get("merged", "{}"))
    check = api.parity(path, given, kfp=kfp_local.executor(), merge=bool(merged))

    differs = [f"{each.step}: {each.what}" for each in check.found]
    expected = [part.strip() for part in case.keys.get("differs", "").split(";") if part]
    assert differs == expected, "\n".join([*map(str, check.found), check.log])
    assert check.run.state is RunState(case.keys.get("state", "SUCCEEDED"))
    states = {step.name: step.state for step in check.run.steps}
    for key, state in (("failed", RunState.FAILED), ("skipped", RunState.SKIPPED)):
        assert {name for name in states if states[name] is state} == case.names(key)
    told = {step.name for step in check.steps if step.is_reason_told}
    if "reason of one" in case.keys:
        assert len(told & case.names("reason of one")) == len(told) == 1
    else:
        assert told == case.names("reasons")
    if "metrics" in case.keys:
        metrics = {metric.name: metric.value for metric in check.run.metrics}
        assert repr(metrics) == repr(json.loads(case.keys["metrics"]))
    if "values" in case.keys:
        assert check.values == int(case.keys["values"])
    assert {name: list(steps) for name, steps in check.merged.items()} == merged
    facts = {step.name: json.loads(step.facts) for step in check.run.steps}
    for name, attempts in json.loads(case.keys.get("attempts", "{}")).items():
        assert facts[name]["attempts"] == attempts


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"sizes": [1.0, 2]}, id="two types in a list"),
        pytest.param({"sizes": [1.0]}, id="another type than the default's"),
    ],
)
def test_parity__numbers_that_would_change__are_refused(
    given: dict[str, object], tmp_path: Path
) -> None:
    """Kubeflow passes all numbers on as doubles; a pod can tell whole ones only by the default."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("sizes = [1, 2]", "parameters"),
        kit.code("print(sizes)", "step:a"),
    )

    with pytest.raises(UsageError, match="would reach the pods as"):
        api.parity(path, given)


def test_parity__difference__is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table says what was compared, the list what differs, the files are kept if asked for."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("import os\nwhere = os.getcwd()\nsize = 2", "step:a"),
        kit.code("size", "metrics"),
        kit.code("print(where)", "step:b"),
    )
    kept = tmp_path / "kept"

    code = main(["parity", str(path), "--keep", str(kept)])

    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert code == 5
    assert lines[2:6] == [
        "  STEP  HERE       KFP.LOCAL  VALUES  METRICS",
        "  a     SUCCEEDED  SUCCEEDED  1       1        1 difference",
        "  b     SUCCEEDED  SUCCEEDED                   same",
        "1 difference:",
    ]
    assert lines[6] == f"  {path} cell 0: step 'a': value where differs"
    assert lines[7] == f"    here:      {str(tmp_path)!r}"
    assert "kfp.local: b succeeded" in told.err
    assert (kept / "kfp" / "log.txt").is_file()
    assert not list(kept.glob("**/work"))
    assert main(["parity", str(path), "--keep", str(kept), "--json"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_parity__stopped_while_a_pod_runs__leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal ends the pod with its kernel, and takes away what both runs wrote."""
    scratch = Path(tempfile.mkdtemp())  # where pytest's would be too long a path for sockets
    monkeypatch.setenv("TMPDIR", str(scratch))
    for name in ("begun", "never"):
        os.mkfifo(tmp_path / name)
    commands = Commands(folder=tmp_path / "beside")
    path = kit.write(
        commands.folder / "n.ipynb",
        kit.code(f"place = {str(tmp_path)!r}", "parameters"),
        kit.code(
            "import os\nif 'kernelpipe-kfp-' in os.getcwd():\n    open(place + '/begun', 'w')\n"
            "    open(place + '/never')",
            "step:a",
        ),
    )

    command = commands.start("parity", str(path))
    (tmp_path / "begun").read_bytes()
    command.send_signal(signal.SIGTERM)
    ended = wait(command)

    assert ended.code == 130
    assert "stopped by SIGTERM" in ended.messages
    assert commands.left_running() == []
    assert list(scratch.iterdir()) == []
    scratch.rmdir()


def test_parity_document__same__says_what_was_compared(tmp_path: Path) -> None:
    """The document that ``--json`` prints."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("x = 1", "step:a"),
        kit.code("x", "metrics"),
        kit.code("print(x)", "step:b", "when:x > 1"),
    )

    document = api.parity_document(kernelpipe.parity(path, kfp=kfp_local.executor()))

    for side in ("here", "there"):
        assert document[side].pop("duration_s") > 0  # type: ignore[attr-defined]  # JSON
    assert document == {
        "is_same": True,
        "here": {"state": "SUCCEEDED"},
        "there": {"state": "SUCCEEDED"},
        "steps": [
            {
                "name": "a",
                "here": "SUCCEEDED",
                "there": "SUCCEEDED",
                "values": 1,
                "metrics": 1,
                "is_reason_told": False,
                "is_cut_off": False,
            },
            {
                "name": "b",
                "here": "SKIPPED",
                "there": "SKIPPED",
                "values": 0,
                "metrics": 0,
                "is_reason_told": True,
                "is_cut_off": False,
            },
        ],
        "merged": {},
        "values": 1,
        "metrics": 1,
        "differences": [],
    }
