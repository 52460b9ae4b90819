"""Where in a cell something happens: the statements that make, change and read a name.

Linking asks only which cell does what. For findings and explanations the same walk is done once
more with each statement as a cell of its own.
"""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from kernelpipe.analysis.history import Event, History, Read, Version, walk
from kernelpipe.analysis.placement import PlacedCell, Placement
from kernelpipe.analysis.source import Program, nodes_of
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A statement binds, deletes or changes ``name``; ``event`` says which.

    ``number`` counts the statements of the notebook from zero.
    """

    name: str
    event: Event
    placed: PlacedCell
    statement: ast.stmt
    location: Location
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A statement reads ``name``, which the statement ``made`` has made or changed."""

    name: str
    made: Made
    placed: PlacedCell
    statement: ast.stmt
    location: Location


@dataclass(frozen=True, slots=True)
class _Origin:
    placed: PlacedCell
    statement: ast.stmt


class Places:
    """Finds the statements behind what the analysis of cells has found."""

    def __init__(
        self, placement: Placement, program: Program, loops: Collection[StepName] = ()
    ) -> None:
        self.placement = placement
        self.program = program
        self._loops = loops
        self._origins: list[_Origin] = []

    @cached_property
    def history(self) -> History:
        """What each statement does; positions count the statements of all cells from zero."""
        trees: dict[int, ast.Module] = {}
        cells: list[PlacedCell] = []
        for placed in self.placement.cells:
            tree = self.program.trees.get(placed.cell.index)
            for statement in tree.body if tree is not None else ():
                number = len(cells)
                trees[number] = ast.Module([statement], [])
                self._origins.append(_Origin(placed, statement))
                cell = replace(placed.cell, index=number)
                cells.append(PlacedCell(cell=cell, step=placed.step, position=number))
        program = Program(trees, self.program.seen, self.program.directory)
        return walk(tuple(cells), program, self._loops)

    def origin(self, fine: PlacedCell) -> tuple[PlacedCell, ast.stmt]:
        """Return the cell and the statement that an entry of ``history`` stands for."""
        return self.origin_at(fine.position)

    def origin_at(self, position: int) -> tuple[PlacedCell, ast.stmt]:
        """Return the cell and the statement at a position of ``history``."""
        found = self._origins[position]
        return found.placed, found.statement

    def taken(self, step: StepName, name: str) -> Iterator[Taken]:
        """Yield how ``step`` reads ``name`` from other steps or from setup, in notebook order."""
        versions = self.history.versions.get(name, [])
        for read in self.history.reads:
            if read.name == name and read.placed.step == step:
                number = _from_outside(step, versions, read.version)
                if number >= 0:
                    made = self.made(name, versions[number])
                    placed, statement = self.origin(read.placed)
                    yield Taken(
                        name=name,
                        made=made,
                        placed=placed,
                        statement=statement,
                        location=self._read_location(placed, statement, read),
                    )

    def made(self, name: str, version: Version) -> Made:
        """Return the statement that made a version of ``history``."""
        placed, statement = self.origin(version.placed)
        return Made(
            name=name,
            event=version.event,
            placed=placed,
            statement=statement,
            location=location_in(placed, naming(statement, name) or statement, name),
            number=version.placed.position,
        )

    def last_made(self, name: str, step: StepName | None, before: int | None = None) -> Made | None:
        """Return where ``step`` makes or changes ``name`` last.

        Args:
            name: A global, or hidden state.
            step: None means setup.
            before: Position of the cell before which it must be; None means anywhere.
        """
        for version in reversed(self.history.versions.get(name, [])):
            made = self.made(name, version)
            if made.placed.step == step and (before is None or made.placed.position < before):
                return made
        return None

    def _read_location(self, placed: PlacedCell, statement: ast.stmt, read: Read) -> Location:
        node = naming(statement, read.name, ast.Load)
        if node is not None:
            return location_in(placed, node, read.name)
        if read.place.is_written:
            return location_at(placed, read.place.line, read.place.column)
        return location_in(placed, statement, read.name)


def _from_outside(step: StepName, versions: list[Version], number: int) -> int:
    """Return the version that ``step`` does not owe to itself, -1 if it made the name itself."""
    while number >= 0 and versions[number].owner == step:
        if versions[number].event is Event.BIND:
            return -1
        number -= 1
    return number


def naming(
    node: ast.AST, name: str, context: type[ast.expr_context] | None = None
) -> ast.AST | None:
    """Return the first place that names ``name``: a name, a definition or an import."""
    found = [each for each in nodes_of(node) if _names(each, name, context)]
    return min(found, key=_start, default=None)


def _names(node: ast.AST, name: str, context: type[ast.expr_context] | None) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name and (context is None or isinstance(node.ctx, context))
    if context is not None:
        return False
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    if isinstance(node, ast.alias):
        return (node.asname or node.name.partition(".")[0]) == name
    return False


def _start(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def location_in(placed: PlacedCell, node: ast.AST, name: str) -> Location:
    """Return the place of ``name`` in the line where ``node`` begins, else that of ``node``."""
    line, column = _start(node)
    return location_at(placed, line, column, name)


def location_at(
    placed: PlacedCell, line: int, column: int = 0, name: str | None = None
) -> Location:
    """Return a place of a cell as its author sees it.

    Args:
        placed: The cell.
        line: From one; 0 means that it is not known.
        column: In UTF-8 bytes of the cell's Python, which magics may have moved.
        name: What should stand there, or else somewhere in that line.
    """
    lines = placed.cell.source.split("\n")
    if not 1 <= line <= len(lines):
        return placed.cell.location
    text = lines[line - 1]
    characters = len(text.encode("utf-8", "replace")[:column].decode("utf-8", "replace"))
    if name is not None and not text.startswith(name, characters):
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        characters = found.start() if found is not None else len(text) - len(text.lstrip())
    return replace(placed.cell.location, line=line, column=characters)


def first_mention(
    placed: PlacedCell, tree: ast.AST | None, name: str, *, is_read: bool
) -> Location:
    """Return where a cell first reads ``name``, or else last binds it, by its own code.

    Args:
        placed: The cell.
        tree: Its code; None if it does not parse.
        name: A global.
        is_read: Look for a read.
    """
    nodes = [n for n in nodes_of(tree) if _names(n, name, None)] if tree is not None else []
    fit = [n for n in nodes if isinstance(getattr(n, "ctx", None), ast.Load) == is_read]
    chosen = sorted(fit or nodes, key=_start)
    if not chosen:
        return placed.cell.location
    return location_in(placed, chosen[0 if is_read else -1], name)
