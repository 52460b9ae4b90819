"""Show findings about notebooks to people and to GitHub."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from kernelpipe.errors import NotebookReadError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location


class DiagnosticPrinter:
    """Writes findings to a stream, each with the source line that it is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._sources: dict[str, Mapping[int, str]] = {}

    def print_all(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Write the findings and how many there are of each severity."""
        counts = dict.fromkeys(Severity, 0)
        for diagnostic in diagnostics:
            self.print_one(diagnostic)
            counts[diagnostic.severity] += 1
        summary = ", ".join(
            _counted(count, severity) for severity, count in counts.items() if count
        )
        if summary:
            self._stream.write(f"{summary}\n")

    def print_one(self, diagnostic: Diagnostic) -> None:
        """Write one finding, its related places with their lines, and the hint."""
        lines = [diagnostic.headline, *self.excerpt(diagnostic.location)]
        for place, text in diagnostic.related:
            lines += [f"  see {place.inside}: {text}", *self.excerpt(place)]
        if diagnostic.hint:
            lines.append(f"  hint: {diagnostic.hint}")
        self._stream.write("\n".join(lines) + "\n")

    def excerpt(self, place: Location) -> list[str]:
        """Return the source line and, below it, a caret; nothing if there is no column."""
        if place.cell_index is None or place.line is None or place.column is None:
            return []
        source = self._cells(place.path).get(place.cell_index, "").split("\n")
        line = source[place.line - 1] if place.line <= len(source) else ""
        if not line or place.column > len(line):
            return []
        indent = "".join(c if c == "\t" else " " for c in line[: place.column])
        return [
            f"  {place.line:4} | {line}",
            f"       | {indent}{'^' * _word_length(line[place.column :])}",
        ]

    def _cells(self, path: str) -> Mapping[int, str]:
        """Return the sources of a notebook's code cells by index; read once per notebook."""
        if path not in self._sources:
            from kernelpipe.notebook import read_notebook  # noqa: PLC0415  # only if needed

            try:
                cells = read_notebook(Path(path)).cells
            except NotebookReadError:  # changed since: the finding is shown without its line
                cells = ()
            self._sources[path] = {cell.index: cell.source for cell in cells}
        return self._sources[path]


def _counted(count: int, severity: Severity) -> str:
    return f"{count} {severity.value}{'' if count == 1 or severity is Severity.INFO else 's'}"


def _word_length(text: str) -> int:
    """Return the length of the name that ``text`` begins with, at least 1."""
    length = 0
    while length < len(text) and (text[length].isalnum() or text[length] == "_"):
        length += 1
    return max(1, length)


_GITHUB_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github_annotation(diagnostic: Diagnostic) -> str:
    """Return a workflow command that GitHub shows as an annotation of the notebook's file.

    Cell and line are in the message: GitHub counts lines of the file, not of the cell.
    """
    place = diagnostic.location
    message = str(diagnostic).removeprefix(place.path).removeprefix(":").strip()
    title = f"kernelpipe {diagnostic.code}"
    return (
        f"::{_GITHUB_COMMANDS[diagnostic.severity]} "
        f"file={_escape_property(place.path)},title={_escape_property(title)}"
        f"::{_escape(message)}"
    )


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
