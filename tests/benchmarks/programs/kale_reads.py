"""What Kale says that cells read, one step per cell; input and output as in ``analyzers.py``."""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from kale.processors import NotebookProcessor

logging.disable(logging.CRITICAL)
METADATA = {"experiment_name": "e", "pipeline_name": "reads"}


def _reads(cells: list[str], folder: Path) -> list[tuple[int, str, int]]:
    """Link each input of a step to the nearest step above that puts the name out."""
    notebook = nbformat.v4.new_notebook(metadata={"kubeflow_notebook": METADATA})
    for index, source in enumerate(cells):
        tags = [f"step:c{index}", *([f"prev:c{index - 1}"] if index else [])]
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    processor = NotebookProcessor(str(path))
    processor.to_pipeline()
    makers: dict[str, int] = {}
    found = []
    for index in range(len(cells)):
        step = processor.pipeline.get_step(f"c{index}")
        found += [(index, name, makers[name]) for name in step.ins if name in makers]
        makers |= dict.fromkeys(step.outs, index)
    return found


answers = {}
with tempfile.TemporaryDirectory() as folder:
    for name, cells in json.load(sys.stdin).items():
        started = time.process_time()
        try:
            reads = _reads(cells, Path(folder))
        except Exception as error:  # noqa: BLE001  # whatever stops it loses the notebook
            answers[name] = {"failed": f"{type(error).__name__}: {error}"[:200]}
            continue
        answers[name] = {"reads": reads, "seconds": time.process_time() - started}
json.dump(answers, sys.stdout)
