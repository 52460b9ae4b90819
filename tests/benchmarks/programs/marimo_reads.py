"""What marimo's compiler says that cells read; standard input and output as in ``analyzers.py``."""

import json
import sys
import time

from marimo._ast.compiler import compile_cell


def _reads(cells: list[str]) -> list[tuple[int, str, int]]:
    """Link each read to the nearest cell above that defines the name, as a user would expect.

    marimo itself refuses notebooks that define a name in two cells.
    """
    makers: dict[str, int] = {}
    found = []
    for index, source in enumerate(cells):
        try:
            cell = compile_cell(source, cell_id=str(index))
        except SyntaxError:
            continue
        found += [(index, name, makers[name]) for name in cell.refs if name in makers]
        makers |= dict.fromkeys(cell.defs, index)
    return found


answers = {}
for name, cells in json.load(sys.stdin).items():
    started = time.process_time()
    reads = _reads(cells)
    answers[name] = {"reads": reads, "seconds": time.process_time() - started}
json.dump(answers, sys.stdout)
