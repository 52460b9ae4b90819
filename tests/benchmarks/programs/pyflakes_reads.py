"""What pyflakes says that cells read; standard input and output as in ``analyzers.py``."""

import ast
import json
import sys
import time

from pyflakes.checker import Checker
from pyflakes.messages import UndefinedLocal, UndefinedName


def _reads(cells: list[str]) -> list[tuple[int, str, int]]:
    """Take the names that a cell lacks for reads, and what its module scope binds for made."""
    makers: dict[str, int] = {}
    found = []
    for index, source in enumerate(cells):
        try:
            checker = Checker(ast.parse(source))
        except SyntaxError:
            continue
        lacks = {
            m.message_args[0]
            for m in checker.messages
            if isinstance(m, UndefinedName | UndefinedLocal)
        }
        found += [(index, name, makers[name]) for name in lacks if name in makers]
        makers |= dict.fromkeys(checker.deadScopes[-1], index)
    return found


answers = {}
for name, cells in json.load(sys.stdin).items():
    started = time.process_time()
    reads = _reads(cells)
    answers[name] = {"reads": reads, "seconds": time.process_time() - started}
json.dump(answers, sys.stdout)
