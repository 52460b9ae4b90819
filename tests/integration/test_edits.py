"""Edits of a project, one by one: which steps they make run again, and that nothing stale is used.

After each edit ``plan`` says what would run, ``run`` does it, and what the run leaves behind is
held against a run in an empty home: a stale result would be the worst bug.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import edited_project
import kit
import pytest
from edited_project import STEPS, Edit, Outcome, Project

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

ALL = frozenset(STEPS)
AFTER_LEFT = "left save reread train report"
AFTER_RIGHT = "right train report"
AFTER_LOAD = "load left save reread right train report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An edit and what it must lead to.

    ``must`` names the steps that run, separated by blanks; ``may`` those that may run besides
    ("*": all of them); ``reasons`` is step -> the first reason that ``plan`` gives. ``before`` is
    done before the run that the edit is held against.
    """

    edit: Edit
    must: str = ""
    may: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    before: Edit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A project that was run once: where it must stand, a copy of it, what the run left."""

    root: Path
    kept: Path
    outcome: Outcome

    def restore(self) -> Project:
        """Put everything back as it was after the run."""
        edited_project.copy_tree(self.kept, self.root)
        return edited_project.open_project(self.root)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    """Return the project after its first run; its own packages are on Python's path."""
    folder = tmp_path_factory.mktemp("edits")
    project = edited_project.make(folder / "project")
    path = [str(project.file("site")), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(part for part in path if part))
        patch.delenv("KP_EDIT_MODE", raising=False)
        outcome = edited_project.run(project)
        assert outcome.shown["state"] == "SUCCEEDED", outcome.shown["errors"]
        assert outcome.executed == ALL
        edited_project.copy_tree(project.root, folder / "kept")
        yield Base(root=project.root, kept=folder / "kept", outcome=outcome)


@pytest.fixture(autouse=True)
def _environment_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what an edit sets."""
    for name in ("KP_EDIT_MODE", "KP_EDIT_UNREAD"):
        monkeypatch.setenv(name, "to be undone")
        monkeypatch.delenv(name)


def _set_mode(_: Project) -> None:
    os.environ["KP_EDIT_MODE"] = "triple"


def _set_unread(_: Project) -> None:
    os.environ["KP_EDIT_UNREAD"] = "1"


def _new_version(project: Project) -> None:
    site = project.file("site")
    (site / "fakedist-1.0.dist-info").rename(site / "fakedist-2.0.dist-info")
    metadata = site / "fakedist-2.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", "2.0"))


def _swap(project: Project) -> None:
    first, second = project.cell("names = sorted"), project.cell("answer = fakedist")
    at, other = project.cells.index(first), project.cells.index(second)
    project.cells[at], project.cells[other] = second, first
    project.write()


def _merge(project: Project) -> None:
    first, second = project.cell("len(left)"), project.cell("max(left)")
    first["source"] += "\n" + second["source"]
    project.cells.remove(second)
    project.write()


def _drop_outputs(project: Project) -> None:
    for cell in project.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    project.write()


def _keep_outputs(project: Project) -> None:
    """Save the notebook as Jupyter does after it ran everything."""
    for number, cell in enumerate(project.cells):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "old"}]
    project.write()


def _stored_values(project: Project) -> list[Path]:
    values = project.file(edited_project.HOME) / "values"
    found = sorted(path for path in values.rglob("*") if path.is_file())
    assert found, "there are no stored values"
    return found


def _corrupt_values(project: Project) -> None:
    for path in _stored_values(project):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        times = path.stat()
        path.chmod(0o600)
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _truncate_values(project: Project) -> None:
    for path in _stored_values(project):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:10])


def _remove_values(project: Project) -> None:
    for path in _stored_values(project):
        path.unlink()


def _forget(project: Project) -> None:
    """Remove the run, then what only it needed."""
    home = ["--home", str(project.file(edited_project.HOME))]
    (run,) = edited_project.command("runs", "list", *home)[1]["runs"]
    assert edited_project.command("runs", "rm", run["run_id"], *home)[0] == 0
    assert edited_project.command("gc", "--max-size", "0", *home)[0] == 0


def _move_home(project: Project) -> None:
    project.home = project.root.parent / "elsewhere"
    shutil.rmtree(project.home, ignore_errors=True)
    project.file(edited_project.HOME).rename(project.home)


def _link_data(project: Project) -> None:
    project.put("data/other.csv", "value\n9\n8\n7\n6\n5\n")
    project.file("data/train.csv").unlink()
    project.file("data/train.csv").symlink_to("other.csv")


def _both(*edits: Edit) -> Edit:
    def edit(project: Project) -> None:
        for one in edits:
            one(project)

    return edit


def replaced(old: str, new: str) -> Edit:
    """Return the edit that replaces a text of the notebook."""
    return lambda project: project.replace(old, new)


def tagged(text: str, old: str, new: str) -> Edit:
    """Return the edit that replaces (or adds) a tag of the cell that has ``text``."""
    return lambda project: project.tag(text, old, new)


def written(name: str, text: str) -> Edit:
    """Return the edit that writes a file."""
    return lambda project: project.put(name, text)


def removed(name: str) -> Edit:
    """Return the edit that removes a file."""
    return lambda project: project.file(name).unlink()


def given(name: str, value: str) -> Edit:
    """Return the edit that gives a parameter on the command line."""
    return lambda project: project.words.extend(["-p", name, value])


REFORMATTED = """\
factor = (
    3
    if os.environ.get( 'KP_EDIT_MODE' ) == 'triple'
    else 2
)
left = [ ]
for value in values :
        scaled = f( value ) * factor
        left.append( int( scaled ) )
len(left)"""

FORMATTED = edited_project.LEFT

CASES = {
    "nothing": Case(edit=lambda _: None),
    # Layout
    "comment-added": Case(edit=replaced("left = []", "# collect\nleft = []  # empty")),
    "comment-only-cell": Case(
        edit=lambda p: p.insert("max(left)", kit.code("# nothing but words")), may="left"
    ),
    "blank-lines": Case(edit=replaced("left = []\n", "\n\nleft = []\n\n")),
    "reformatted": Case(edit=replaced(FORMATTED, REFORMATTED)),
    "markdown-cell": Case(edit=lambda p: p.insert("left = []", kit.markdown("# Left"))),
    "empty-cell": Case(edit=lambda p: p.insert("max(left)", kit.code("  \n"))),
    "skip-cell": Case(edit=lambda p: p.insert("max(left)", kit.code("1 / 0", "skip"))),
    "cells-merged": Case(edit=_merge, must="left", reasons={"left": "cell 6 changed at line 7"}),
    "semicolon": Case(edit=replaced("len(left)", "len(left);"), must="left"),
    "steps-swapped": Case(edit=_swap),
    "outputs-kept": Case(edit=_keep_outputs),
    "outputs-removed": Case(edit=_drop_outputs, before=_keep_outputs),
    # Code
    "local-renamed": Case(
        edit=_both(
            replaced("scaled = f(value)", "doubled = f(value)"),
            replaced("left.append(int(scaled))", "left.append(int(doubled))"),
        ),
        must="left",
        reasons={"left": "cell 6 changed at line 3"},
    ),
    "code-changed": Case(
        edit=replaced("f(value) * factor", "f(value) + factor"),
        must=AFTER_LEFT,
        reasons={"left": "cell 6 changed at line 3"},
    ),
    "second-cell-changed": Case(
        edit=replaced("max(left)", "min(left)"),
        must="left",
        reasons={"left": "cell 7 changed at line 2"},
    ),
    "cell-added": Case(
        edit=lambda p: p.insert("right = [", kit.code("left = left[::-1]")),
        must="left save reread train report",
    ),
    "same-result": Case(edit=replaced("[int(line) for", "[int(line) + 0 for"), must="load"),
    "helper-of-two": Case(
        edit=replaced("return x * SCALE", "return x * SCALE + 1"),
        must=f"{AFTER_LEFT} {AFTER_RIGHT}",
        reasons={"left": "function 'f' (cell 1) changed", "right": "function 'f' (cell 1) changed"},
    ),
    "helper-of-one": Case(
        edit=replaced("f(x) + OFFSET", "f(x) - OFFSET"),
        must=AFTER_RIGHT,
        reasons={"right": "function 'g' (cell 1) changed"},
    ),
    "unused-helper": Case(edit=replaced("return x - UNUSED", "return x + UNUSED")),
    "constant-of-one": Case(edit=replaced("OFFSET = 3", "OFFSET = 4"), must=AFTER_RIGHT),
    "constant-of-two": Case(
        edit=replaced("SCALE = 10", "SCALE = 11"), must=f"{AFTER_LEFT} {AFTER_RIGHT}"
    ),
    "unused-constant": Case(edit=replaced("UNUSED = 5", "UNUSED = 6")),
    "docstring": Case(edit=replaced("Scale a number", "Make a number big"), may="left right"),
    "helper-moved": Case(
        edit=_both(
            replaced("\n\n\ndef unused(x):\n    return x - UNUSED", ""),
            lambda p: p.insert("lr = 0.1", kit.code("def unused(x):\n    return x", "functions")),
        )
    ),
    "helper-shadowed": Case(
        edit=lambda p: p.insert("lr = 0.1", kit.code("def f(x):\n    return -x", "functions")),
        must=f"{AFTER_LEFT} {AFTER_RIGHT}",
    ),
    # An import that nobody uses is there for what importing it does.
    "import-added": Case(edit=replaced("import json\n", "import json\nimport math\n"), may="*"),
    "import-added-and-used": Case(
        edit=_both(
            replaced("import json\n", "import json\nimport math\n"),
            replaced("len(left)", "math.sqrt(len(left))"),
        ),
        must="left",
    ),
    "imports-ordered": Case(edit=replaced("import json\nimport os", "import os\nimport json")),
    "test-cell": Case(
        edit=replaced("assert weight > 0", "assert weight > 1"),
        must="train",
        reasons={"train": "cell 13 changed at line 1"},
    ),
    "test-fails": Case(edit=replaced("assert weight > 0", "assert weight < 0"), must="train"),
    "test-skipped": Case(edit=tagged("assert weight > 0", "test", "skip"), must="train"),
    "metrics-cell": Case(
        edit=replaced("count = len(names)", "count = len(names) + 1"), must="report"
    ),
    "step-raises": Case(edit=replaced("len(left)", "1 / 0"), must="left"),
    "step-renamed": Case(edit=tagged("answer = fakedist", "step:package", "step:dist"), may="*"),
    "cell-moved-to-other-step": Case(
        edit=tagged("answer = fakedist", "step:package", "step:parts"), must="parts", may="*"
    ),
    # Parameters
    "parameter-given": Case(
        edit=given("lr", "0.2"),
        must="train report",
        reasons={"train": "parameter lr 0.1 -> 0.2"},
    ),
    "parameter-given-as-before": Case(edit=given("lr", "0.1")),
    "parameter-of-a-type": Case(edit=given("depth", "4"), must="train report"),
    "default-edited": Case(
        edit=replaced("lr = 0.1", "lr = 0.2"),
        must="train report",
        reasons={"train": "parameter lr 0.1 -> 0.2"},
    ),
    "default-overridden": Case(edit=_both(replaced("lr = 0.1", "lr = 7.5"), given("lr", "0.1"))),
    "parameter-of-the-first": Case(
        edit=given("rows", "3"), must=AFTER_LOAD, reasons={"load": "parameter rows 4 -> 3"}
    ),
    # Files
    "file-changed": Case(
        edit=written("data/train.csv", "value\n7\n2\n3\n4\n"),
        must=AFTER_LOAD,
        reasons={"load": "data/train.csv changed"},
    ),
    "file-changed-keeping-size-and-time": Case(
        edit=lambda p: edited_project.overwrite_keeping_time(
            p.file("data/train.csv"), "value\n1\n2\n4\n4\n5\n"
        ),
        must=AFTER_LOAD,
        reasons={"load": "data/train.csv changed"},
    ),
    "file-touched": Case(edit=lambda p: os.utime(p.file("data/train.csv"), (1, 1))),
    "file-changed-in-part-not-used": Case(
        edit=written("data/train.csv", "value\n1\n2\n3\n4\n6\n"), must="load"
    ),
    "file-missing": Case(edit=removed("data/train.csv"), must="load"),
    "file-now-a-link": Case(edit=_link_data, must=AFTER_LOAD),
    "new-file-in-listed-folder": Case(edit=written("parts/c.txt", "c"), must="parts report"),
    "file-in-listed-folder-changed": Case(edit=written("parts/a.txt", "other")),
    "file-that-was-asked-for-appears": Case(edit=written("marker", ""), must="parts"),
    "written-file-removed": Case(edit=removed("out/model.json"), must="save"),
    "written-file-changed": Case(edit=written("out/model.json", "[1, 2]"), must="save"),
    "written-folder-removed": Case(edit=lambda p: shutil.rmtree(p.file("out")), must="save"),
    "unread-file": Case(edit=written("notes.txt", "x")),
    # Modules, packages, environment
    "module-changed": Case(
        edit=written("helper.py", "def adjust(x):\n    return x - 1\n"), must=AFTER_RIGHT
    ),
    "module-of-a-module-changed": Case(
        edit=written("helper_base.py", "SHIFT = 20\n"), must=AFTER_RIGHT
    ),
    "package-version": Case(
        edit=_new_version, must="package report", reasons={"package": "fakedist 1.0 -> 2.0"}
    ),
    "package-code-changed": Case(
        edit=written("site/fakedist/__init__.py", 'def answer():\n    return "edited"\n'),
        must="package report",
    ),
    "variable-set": Case(edit=_set_mode, must=AFTER_LEFT),
    "unread-variable-set": Case(edit=_set_unread),
    # Settings
    "retry": Case(edit=tagged("left = []", "retry:1", "retry:2")),
    "timeout": Case(edit=tagged("left = []", "timeout:5m", "timeout:6m")),
    "env": Case(edit=tagged("left = []", "env:KP_TAGGED:one", "env:KP_TAGGED:two"), must="left"),
    "env-read": Case(
        edit=tagged("left = []", "env:KP_TAGGED:one", "env:KP_EDIT_MODE:triple"), must=AFTER_LEFT
    ),
    "cache-off": Case(edit=tagged("left = []", "", "cache:off"), must="left"),
    "jobs": Case(edit=lambda p: p.words.extend(["--jobs", "1"])),
    "no-cache": Case(edit=lambda p: p.words.append("--no-cache"), must=" ".join(STEPS)),
    # Stored results
    "values-corrupted": Case(edit=_corrupt_values, may="*"),
    "values-corrupted-and-needed": Case(
        edit=_both(_corrupt_values, replaced("max(left)", "min(left)")), must="load left", may="*"
    ),
    "values-truncated": Case(
        edit=_both(_truncate_values, replaced("max(left)", "min(left)")), must="load left", may="*"
    ),
    "values-removed": Case(edit=_remove_values, may="*"),
    "values-removed-and-needed": Case(
        edit=_both(_remove_values, replaced("max(left)", "min(left)")), must="load left", may="*"
    ),
    "forgotten": Case(edit=_forget, must=" ".join(STEPS)),
    "home-moved": Case(edit=_move_home),
    "home-moved-and-edited": Case(edit=_both(_move_home, given("lr", "0.2")), must="train report"),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_edit__of_a_project_that_was_run__runs_what_it_must_and_nothing_stale(
    base: Base, tmp_path: Path, case: Case
) -> None:
    """Plan and run agree with the table and with each other; results are those of a fresh run."""
    project = base.restore()
    if case.before is not None:
        case.before(project)
    before = edited_project.plan(project)["steps"]
    assert {step["name"]: step["reasons"] for step in before if step["verdict"] != "found"} == {}

    case.edit(project)
    planned = edited_project.plan(project)
    edited_project.copy_tree(project.root, tmp_path / "edited")
    outcome = edited_project.run(project)

    must, may = frozenset(case.must.split()), frozenset(case.may.split())
    steps = {step["name"]: step for step in planned["steps"]}
    assert must <= outcome.executed, planned
    assert case.may == "*" or outcome.executed <= must | may, planned
    _assert_agreement(steps, outcome, base.outcome)
    reasons = {name: (steps[name]["reasons"] or [""])[0] for name in case.reasons}
    assert reasons == dict(case.reasons)
    home = project.home
    edited_project.copy_tree(tmp_path / "edited", project.root)
    fresh = edited_project.run_afresh(project, tmp_path / "empty")
    assert outcome.shown == fresh.shown
    assert project.home == home


def _assert_agreement(
    steps: Mapping[str, Mapping[str, object]], outcome: Outcome, before: Outcome
) -> None:
    """What was planned happened, and the steps that ran are those with new tokens."""
    planned = {name: step["verdict"] for name, step in steps.items()}
    failed = {name for name, state in outcome.shown["steps"].items() if state != "SUCCEEDED"}
    will_run = {name for name, verdict in planned.items() if verdict == "run"}
    found = {name for name, verdict in planned.items() if verdict == "found"}
    assert will_run - failed <= outcome.executed
    assert not found & outcome.executed
    assert set(planned) == set(outcome.shown["steps"])
    assert all(steps[name]["reasons"] for name in will_run)
    for name, token in outcome.tokens.items():
        assert (token != before.tokens.get(name)) == (name in outcome.executed), name
