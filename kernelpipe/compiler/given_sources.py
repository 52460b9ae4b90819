"""The source of a parameters cell as a user would edit it to give parameters other values."""

import ast
from collections.abc import Mapping

from kernelpipe.compiler.derivations import named_assignments, parse_cell
from kernelpipe.runtime.notebook import python_text


def with_values(source: str, given: Mapping[str, object]) -> str:
    """Return ``source`` with each parameter bound to the value given, where its literal was.

    The value is bound at the end of the statement with the literal, so that all that follows sees
    it, and no line moves.

    Args:
        source: Of a parameters cell; valid Python once IPython's syntax is translated.
        given: Parameter name -> value; those that the cell does not define are left out.
    """
    text, tree = parse_cell(source)
    ends: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for target, _ in named_assignments(statement):
            if isinstance(target, ast.Name) and target.id in given:
                ends[target.id] = statement
    lines = [line.encode() for line in text.split("\n")]
    places = [(each.end_lineno or 0, each.end_col_offset or 0, name) for name, each in ends.items()]
    for number, column, name in sorted(places, reverse=True):
        line = lines[number - 1]
        bound = f"; {name} = {python_text(given[name])}".encode()
        lines[number - 1] = line[:column] + bound + line[column:]
    return b"\n".join(lines).decode()
