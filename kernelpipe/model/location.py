"""Where in a notebook something stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a notebook.

    ``cell_index`` counts all cells from zero, ``line`` counts the lines of the cell's source from
    one, ``column`` counts characters from zero. None means "the whole of it".
    """

    path: str
    cell_index: int | None = None
    cell_id: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        text = self.path
        if self.cell_index is not None:
            text += f" cell {self.cell_index}"
        if self.line is not None:
            text += f", line {self.line}"
        return text
