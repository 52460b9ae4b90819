"""A small project whose notebook tests edit: what it is, how it is run, what a run left behind."""

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kit

from kernelpipe.cli.main import main

JSON = dict[str, Any]

NOTEBOOK = "study.ipynb"
HOME = ".kernelpipe"
MARK = 'print("token", time.time_ns())'
"""What every step prints: a new text each time that it is executed, an old one if it is not."""

IMPORTS = """\
import json
import os
import time

import fakedist
import helper"""

FUNCTIONS = '''\
SCALE = 10
OFFSET = 3
UNUSED = 5


def f(x):
    """Scale a number."""
    return x * SCALE


def g(x):
    return f(x) + OFFSET


def unused(x):
    return x - UNUSED'''

PARAMETERS = "lr = 0.1\ndepth = 3\nrows = 4"

LOAD = f"""\
with open("data/train.csv") as file:
    next(file)
    values = [int(line) for line in file][:rows]
{MARK}
values"""

PARTS = f"""\
names = sorted(os.listdir("parts"))
is_marked = os.path.exists("marker")
{MARK}
names, is_marked"""

LEFT = """\
factor = 3 if os.environ.get("KP_EDIT_MODE") == "triple" else 2
left = []
for value in values:
    scaled = f(value) * factor
    left.append(int(scaled))
len(left)"""

LEFT_END = f"{MARK}\nmax(left)"

RIGHT = f"""\
right = [helper.adjust(g(value)) for value in values]
{MARK}
right"""

SAVE = f"""\
os.makedirs("out", exist_ok=True)
with open("out/model.json", "w") as file:
    json.dump(left, file)
{MARK}"""

REREAD = f"""\
with open("out/model.json") as file:
    stored = json.load(file)
{MARK}
sum(stored)"""

PACKAGE = f"""\
answer = fakedist.answer()
{MARK}
answer"""

TRAIN = f"""\
weight = sum(left) * lr + sum(right) * depth
{MARK}
weight"""

REPORT = f"""\
summary = f"{{weight:.3f}} from {{len(names)}} parts with {{answer}}"
{MARK}
summary"""

METRICS = "score = weight + sum(stored)\ncount = len(names)"

CELLS = (
    kit.code(IMPORTS, "imports"),
    kit.code(FUNCTIONS, "functions"),
    kit.code(PARAMETERS, "parameters"),
    kit.markdown("# Read"),
    kit.code(LOAD, "step:load"),
    kit.code(PARTS, "step:parts"),
    kit.code(LEFT, "step:left", "env:KP_TAGGED:one", "retry:1", "timeout:5m"),
    kit.code(LEFT_END),
    kit.code(RIGHT, "step:right"),
    kit.code(SAVE, "step:save", "prev:left"),
    kit.code(REREAD, "step:reread", "prev:save"),
    kit.code(PACKAGE, "step:package"),
    kit.code(TRAIN, "step:train"),
    kit.code("assert weight > 0", "test"),
    kit.code(REPORT, "step:report"),
    kit.code(METRICS, "metrics"),
)
STEPS = ("load", "parts", "left", "right", "save", "reread", "package", "train", "report")

FILES = {
    "data/train.csv": "value\n1\n2\n3\n4\n5\n",
    "parts/a.txt": "a",
    "parts/b.txt": "b",
    "helper.py": "import helper_base\n\n\ndef adjust(x):\n    return x + helper_base.SHIFT\n",
    "helper_base.py": "SHIFT = 1\n",
    "site/fakedist/__init__.py": (
        "from importlib.metadata import version\n\n\n"
        'def answer():\n    return "version " + version("fakedist")\n'
    ),
    "site/fakedist-1.0.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: fakedist\nVersion: 1.0\n"
    ),
    "site/fakedist-1.0.dist-info/RECORD": (
        "fakedist/__init__.py,,\nfakedist-1.0.dist-info/METADATA,,\n"
    ),
    "site/fakedist-1.0.dist-info/top_level.txt": "fakedist\n",
}


@dataclass(kw_only=True)
class Project:
    """A project on disk and how its notebook is to be run; edits change both."""

    root: Path
    cells: list[JSON] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """Further words of the command line."""
    home: Path | None = None

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.root / name

    def write(self) -> None:
        """Write the notebook as its cells are now."""
        kit.write(self.file(NOTEBOOK), *self.cells)

    def cell(self, text: str) -> JSON:
        """Return the only cell that has ``text`` in its source."""
        (found,) = [cell for cell in self.cells if text in cell["source"]]
        return found

    def replace(self, old: str, new: str) -> None:
        """Replace ``old``, which stands in one cell only, and there once; write the notebook."""
        cell = self.cell(old)
        assert cell["source"].count(old) == 1
        cell["source"] = cell["source"].replace(old, new)
        self.write()

    def tag(self, text: str, old: str, new: str) -> None:
        """Put the tag ``new`` in the place of ``old`` ("" adds it) at the cell with ``text``."""
        tags = self.cell(text)["metadata"]["tags"]
        if old:
            tags[tags.index(old)] = new
        else:
            tags.append(new)
        self.write()

    def insert(self, before: str, *cells: JSON) -> None:
        """Insert cells before the one that has the text ``before``; write the notebook."""
        index = self.cells.index(self.cell(before))
        named = [{"id": f"new{number}"} | cell for number, cell in enumerate(cells)]
        self.cells[index:index] = named
        self.write()

    def put(self, name: str, text: str) -> None:
        """Write one of its files in place."""
        self.file(name).parent.mkdir(parents=True, exist_ok=True)
        self.file(name).write_text(text)


def make(root: Path, cells: Sequence[JSON] = CELLS, files: Mapping[str, str] = FILES) -> Project:
    """Write a project to ``root``."""
    numbered = [{"id": f"c{index}"} | cell for index, cell in enumerate(cells)]
    project = Project(root=root, cells=numbered)
    for name, text in files.items():
        project.put(name, text)
    project.write()
    return project


def open_project(root: Path) -> Project:
    """Return the project at ``root`` as it is on disk."""
    return Project(root=root, cells=kit.read(root / NOTEBOOK)["cells"])


def copy_tree(source: Path, target: Path) -> None:
    """Make ``target`` what ``source`` is; times are kept, inodes are not."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run left behind.

    ``executed`` are the names of the steps that were executed, as the run says; ``shown`` is what
    must not depend on which were: state, states of steps, metrics, outputs by cell, files.
    """

    executed: frozenset[str]
    tokens: Mapping[str, str]
    """Step name -> what it printed as its token, for steps that got so far."""
    shown: JSON


def command(*words: str) -> tuple[int, JSON, str]:
    """Execute a command in this process; return its exit code, its JSON, its messages."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--json"])
    return code, json.loads(out.getvalue() or "{}"), err.getvalue()


def plan(project: Project) -> JSON:
    """Return what ``kernelpipe plan`` says."""
    code, document, messages = command("plan", *_words(project))
    assert code == 0, (document, messages)
    return document


def run(project: Project) -> Outcome:
    """Run the notebook with ``kernelpipe run`` and return what it left behind."""
    code, document, messages = command("run", "--no-mlflow", *_words(project))
    assert code in {0, 5}, (document, messages)
    executed = {
        step["name"]
        for step in document["steps"]
        if not step["cached"] and step["state"] in {"SUCCEEDED", "FAILED"}
    }
    cells = kit.read(Path(document["notebook"]))["cells"]
    return Outcome(
        executed=frozenset(executed),
        tokens=_tokens(cells),
        shown={
            "state": document["state"],
            "steps": {step["name"]: step["state"] for step in document["steps"]},
            "errors": {step["name"]: step["error"] for step in document["steps"] if step["error"]},
            "parameters": document["parameters"],
            "metrics": document["metrics"],
            "cells": [(cell["source"], _outputs(cell)) for cell in cells],
            "files": _files(project.root),
        },
    )


def run_afresh(project: Project, empty_home: Path) -> Outcome:
    """Run the notebook in a home that holds nothing."""
    home, project.home = project.home, empty_home
    try:
        return run(project)
    finally:
        project.home = home


def _words(project: Project) -> list[str]:
    home = project.home or project.file(HOME)
    return [str(project.file(NOTEBOOK)), "--home", str(home), *project.words]


def _outputs(cell: JSON) -> list[JSON]:
    """Return the cell's outputs and its number, without tokens."""
    found = [{"number": cell.get("execution_count")}] if cell["cell_type"] == "code" else []
    for output in cell.get("outputs", ()):
        kept = {key: value for key, value in output.items() if key != "traceback"}
        if "text" in kept:
            lines = "".join(kept["text"]).splitlines()
            kept["text"] = ["token" if line.startswith("token ") else line for line in lines]
        found.append(kept)
    return found


def _tokens(cells: Sequence[JSON]) -> dict[str, str]:
    tokens: dict[str, str] = {}
    step = ""
    for cell in cells:
        for tag in cell["metadata"].get("tags", ()):
            step = tag.removeprefix("step:") if tag.startswith("step:") else step
        for output in cell.get("outputs", ()):
            for line in "".join(output.get("text", "")).splitlines():
                if line.startswith("token "):
                    tokens[step] = line
    return tokens


def _files(root: Path) -> dict[str, str]:
    """Return path -> content of the project's files, what Python and kernelpipe keep left out."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {HOME, "__pycache__"} & set(path.relative_to(root).parts)
    }


def overwrite_keeping_time(path: Path, text: str) -> None:
    """Write a text of the same length in place; size, inode and modification time stay."""
    before = path.stat()
    assert len(text.encode()) == before.st_size
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


Edit = Callable[[Project], None]
