"""Compares what analyzers say that cells read with what they do read: `analyzers.py`.

Each tool works in an environment of its own. All but ours get cells after IPython's transformer,
because most of them lose a cell, or the notebook, to a magic. A program of ``programs/`` reads
``{notebook: [source, ...]}`` as JSON and prints ``{notebook: {"reads": [[cell, name, maker], ...],
"seconds": CPU}}``, or ``{"failed": reason}`` for a notebook.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import peers
from equality.reader import read_cases
from measure import PROGRAMS
from pipeline_in_process import ShellServer
from published_kit import Published, example_notebooks, published_notebooks
from tracer.ground_truth import Agreement, CrossRead, GroundTruth, StaticReads, static_reads, traced

from kernelpipe.notebook.transform import transform

PEERS = (
    (peers.MARIMO, "marimo_reads.py"),
    (peers.PYFLAKES, "pyflakes_reads.py"),
    (peers.KALE, "kale_reads.py"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one tool said of a set of notebooks; ``lost`` counts those that stopped it."""

    tool: str
    agreement: Agreement
    lost: int
    cpu_s: float


def main() -> None:
    """Measure all tools on the notebooks like published ones, then on the small cases."""
    cases = [Published(name=case.name, content=case.notebook) for case in read_cases()]
    for title, notebooks in (
        ("published and examples", [*published_notebooks(), *example_notebooks()]),
        ("small cases", cases),
    ):
        truths = _truths(notebooks)
        cells = sum(len(truth.outputs) for truth in truths.values())
        _say(f"\n{title}: {len(notebooks)} notebooks, {cells} cells")
        _say(f"{'tool':12} {'precision':>9} {'recall':>7} {'version':>8} {'lost':>5} {'CPU s':>8}")
        for row in _rows(notebooks, truths):
            found = row.agreement
            _say(
                f"{row.tool:12} {found.precision:9.3f} {found.recall:7.3f} {found.versions:8.3f} "
                f"{row.lost:5} {row.cpu_s / cells * 1000:8.2f}"
            )
    _say("\nversion: reads whose maker (last binding or in-place change) is right;")
    _say("lost: notebooks that stopped the tool; CPU s: per 1,000 cells")


def _truths(notebooks: list[Published]) -> dict[str, GroundTruth]:
    found = {}
    with tempfile.TemporaryDirectory() as folder, ShellServer(Path(folder) / "server") as server:
        for number, notebook in enumerate(notebooks):
            place = Path(folder) / str(number)
            place.mkdir()
            found[notebook.name] = traced(notebook.content, server, place)
    return found


def _rows(notebooks: list[Published], truths: dict[str, GroundTruth]) -> Iterator[Row]:
    started = time.process_time()
    said = {notebook.name: static_reads(notebook.content) for notebook in notebooks}
    yield _row("kernelpipe", truths, said, time.process_time() - started)
    sources = {notebook.name: _sources(notebook.content) for notebook in notebooks}
    for peer, program in PEERS:
        python = peers.python(peer)
        if python is None:
            continue
        answers = _answers(python, program, {name: [*s.values()] for name, s in sources.items()})
        said = {
            name: _peer_reads(answer["reads"], [*sources[name]])
            for name, answer in answers.items()
            if "failed" not in answer
        }
        spent = sum(answer.get("seconds", 0) for answer in answers.values())
        yield _row(peer.name, truths, said, spent)


def _row(
    tool: str, truths: dict[str, GroundTruth], said: dict[str, StaticReads], cpu_s: float
) -> Row:
    nothing = StaticReads(reads=(), changes=frozenset(), lost=frozenset())
    agreement = Agreement()
    for name, truth in truths.items():
        agreement.add_cells(name, truth, said.get(name, nothing))
    return Row(tool=tool, agreement=agreement, lost=len(truths.keys() - said.keys()), cpu_s=cpu_s)


def _sources(content: dict[str, Any]) -> dict[int, str]:
    """Return cell index -> Python, of the code cells that run."""
    return {
        index: transform(cell["source"]).text
        for index, cell in enumerate(content["cells"])
        if cell["cell_type"] == "code" and "skip" not in cell["metadata"].get("tags", [])
    }


def _answers(python: Path, program: str, asked: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    ended = subprocess.run(
        [str(python), str(PROGRAMS / program)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    return answers


def _peer_reads(reads: list[tuple[int, str, int]], places: list[int]) -> StaticReads:
    """Give reads of a peer, which counts code cells alone, the indexes of the notebook."""
    found = (
        CrossRead(cell=places[cell], name=name, maker=places[maker], binder=places[maker])
        for cell, name, maker in reads
    )
    return StaticReads(reads=tuple(found), changes=frozenset(), lost=frozenset())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
