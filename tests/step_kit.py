"""Runs steps in IPython shells forked from a warm process, in a directory of data."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline_in_process import ShellServer

from kernelpipe.runtime.notebook import build_step_notebook

JSON = dict[str, Any]
SETUP = "import os\nfrom pathlib import Path\nimport numpy as np\nimport pandas as pd"
FACTS = ("reads", "missing", "writes", "listings", "environment", "unseen")


class Steps:
    """Runs steps in ``work``, which has data and a home in it."""

    def __init__(self, server: ShellServer, place: Path) -> None:
        self.server = server
        self.work = place / "work"
        self.home = self.work / ".kernelpipe"
        (self.work / "data").mkdir(parents=True)
        for name in ("a.csv", "data/b.csv", "data/c.csv"):
            (self.work / name).write_text("x,y\n1,2\n3,4\n")
        (self.work / "local_one.py").write_text(
            "import os\nimport pandas as pd\nSEEN = []\n"
            "def load():\n    return pd.read_csv(os.environ.get('KP_FILE', 'a.csv'))\n"
        )

    def run(
        self,
        cells: Sequence[str],
        *,
        setup: str = SETUP,
        tests: Sequence[str] = (),
        call: JSON | None = None,
        **document: object,
    ) -> tuple[list[list[JSON]], Path]:
        """Run a step; return the outputs of its cells that ran, ours left out, and its directory.

        Cell indices count from 1 for the cells, from 100 for the tests.
        """
        directory = self.home / "runs" / f"{len(list(self.home.rglob('call.json')))}"
        directory.mkdir(parents=True)
        entries = {
            "parameters": {},
            "inputs": {},
            "outputs": {},
            "record": True,
            "result": str(directory / "result.json"),
            "home": str(self.home),
            **(call or {}),
        }
        task = _document(cells, setup, tests) | document
        (directory / "document.json").write_text(json.dumps(task))
        (directory / "call.json").write_text(json.dumps(entries))
        notebook = build_step_notebook(
            task, entries, step_directory=str(directory), runtime_directory=str(self.server.runtime)
        )
        outputs = self.server.run_cells(notebook["cells"], self.work)
        roles = [cell["metadata"]["kernelpipe"]["role"] for cell in notebook["cells"]]
        found = zip(roles, outputs, strict=False)
        shown = [each for role, each in found if role in {"step", "test"} or _errors(each)]
        return shown, directory

    def result(self, directory: Path) -> JSON:
        """Return result.json."""
        result: JSON = json.loads((directory / "result.json").read_text())
        return result

    def touched(self, *cells: str) -> JSON:
        """Run a step and return what it touched, with paths from the working directory."""
        outputs, directory = self.run(cells)
        assert not any(map(_errors, outputs)), outputs
        return relative(self.result(directory)["touched"], self.work)


def relative(touched: JSON, work: Path) -> JSON:
    """Return what a step touched: paths from ``work``, with no signatures and digests."""
    inside = {
        key: [[os.path.relpath(path, work), fact] for path, fact in touched[key]]
        for key in ("reads", "listings", "kinds")
    }
    return {
        "reads": [path for path, state in inside["reads"] if state],
        "missing": [path for path, state in inside["reads"] if not state],
        "writes": [os.path.relpath(path, work) for path in touched["writes"]],
        "listings": [path for path, _ in inside["listings"]],
        "kinds": dict(inside["kinds"]),
        "environment": [name for name, _ in touched["environment"]],
        "unseen": touched["unseen"],
    }


def difference(found: JSON, expected: JSON) -> JSON:
    """Return fact -> (what was found, what should be) where they differ.

    A fact that ``expected`` leaves out must be empty; ``...`` allows anything.
    """
    wanted = {**{name: [] for name in FACTS}, "kinds": {}, **expected}
    return {
        name: (found[name], wanted[name])
        for name in wanted
        if wanted[name] is not ... and found[name] != wanted[name]
    }


def _document(cells: Sequence[str], setup: str, tests: Sequence[str]) -> JSON:
    def entries(role: str, sources: Sequence[str], start: int) -> list[JSON]:
        return [
            {"index": index, "id": f"c{index}", "role": role, "source": source}
            for index, source in enumerate(sources, start=start)
        ]

    return {
        "version": 1,
        "pipeline": "p",
        "step": "s",
        "derivations": {},
        "shared": {},
        **{name: [] for name in ("parameters", "inputs", "outputs", "metrics", "removed")},
        "setup": entries("imports", [setup], 0),
        "cells": entries("step", cells, 1),
        "tests": entries("test", tests, 100),
    }


def _errors(outputs: list[JSON]) -> bool:
    return any(output["output_type"] == "error" for output in outputs)
