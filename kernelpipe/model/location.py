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

    @property
    def inside(self) -> str:
        """Tell the place within the notebook ("cell 3, line 2"); empty for the whole of it."""
        if self.cell_index is None:
            return ""
        return f"cell {self.cell_index}" + (f", line {self.line}" if self.line is not None else "")

    def __str__(self) -> str:
        return f"{self.path} {self.inside}" if self.inside else self.path
