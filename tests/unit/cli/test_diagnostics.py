"""Tests of showing findings."""

import io
from dataclasses import replace
from pathlib import Path

import kit
import pytest

from kernelpipe.cli.diagnostics import DiagnosticPrinter, github_annotation
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location

MESSAGE = "step 'train' reads 'X_train', which no earlier step defines"


def _finding(path: Path | str, **place: int) -> Diagnostic:
    return Diagnostic(
        code="KP203",
        severity=Severity.ERROR,
        message=MESSAGE,
        location=Location(path=str(path), **place),  # type: ignore[arg-type]  # by name
        hint="did you mean 'x_train'?",
    )


def _show(*diagnostics: Diagnostic) -> list[str]:
    stream = io.StringIO()
    DiagnosticPrinter(stream).print_all(diagnostics)
    return stream.getvalue().split("\n")


def test_print_all__column_known__marks_the_name(tmp_path: Path) -> None:
    """The source line is shown with carets under the name; the hint comes last."""
    path = kit.write(
        tmp_path / "nb.ipynb", kit.markdown("# t"), kit.code("a = 1\n\tfit(X_train)", "step:s")
    )

    assert _show(_finding(path, cell_index=1, line=2, column=5)) == [
        f"{path} cell 1, line 2: error[KP203]: {MESSAGE}",
        "     2 | \tfit(X_train)",
        "       | \t    ^^^^^^^",
        "  hint: did you mean 'x_train'?",
        "1 error",
        "",
    ]


def test_print_all__related_places__are_shown_with_their_lines(tmp_path: Path) -> None:
    """Each place says what stands there, and shows it; the hint comes last."""
    path = kit.write(tmp_path / "nb.ipynb", kit.code("X = a = 1", "step:s"), kit.code("fit(X)"))
    related = (
        (Location(path=str(path), cell_index=0, line=1, column=0), "'X' is made here"),
        (Location(path=str(path), cell_index=0), "in the first cell"),
    )
    finding = replace(_finding(path, cell_index=1, line=1, column=4), related=related)

    assert _show(finding) == [
        f"{path} cell 1, line 1: error[KP203]: {MESSAGE}",
        "     1 | fit(X)",
        "       |     ^",
        "  see cell 0, line 1: 'X' is made here",
        "     1 | X = a = 1",
        "       | ^",
        "  see cell 0: in the first cell",
        "  hint: did you mean 'x_train'?",
        "1 error",
        "",
    ]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({}, id="whole notebook"),
        pytest.param({"cell_index": 1, "line": 1}, id="no column"),
        pytest.param({"cell_index": 9, "line": 1, "column": 7}, id="no such cell"),
        pytest.param({"cell_index": 1, "line": 9, "column": 0}, id="no such line"),
        pytest.param({"cell_index": 1, "line": 1, "column": 99}, id="no such column"),
    ],
)
def test_print_all__place_not_shown__has_no_carets(tmp_path: Path, place: dict[str, int]) -> None:
    """A line that cannot be shown is left out."""
    path = kit.write(tmp_path / "nb.ipynb", kit.markdown("# t"), kit.code("a = 1", "step:s"))

    lines = _show(_finding(path, **place))

    assert lines[1:] == ["  hint: did you mean 'x_train'?", "1 error", ""]


def test_print_all__notebook_gone__has_no_carets(tmp_path: Path) -> None:
    """A notebook that cannot be read any more costs only the excerpt."""
    finding = _finding(tmp_path / "gone.ipynb", cell_index=0, line=1, column=0)

    assert len(_show(finding)) == 4


def test_print_all__several__are_counted() -> None:
    """The last line counts by severity."""
    found = [
        Diagnostic(code="KP301", severity=severity, message="m", location=Location(path="nb.ipynb"))
        for severity in (Severity.WARNING, Severity.ERROR, Severity.INFO, Severity.WARNING)
    ]

    assert _show(*found)[-2] == "1 error, 2 warnings, 1 info"


def test_print_all__none__writes_nothing() -> None:
    """No findings, no text."""
    assert _show() == [""]


def test_github_annotation__error__is_a_workflow_command() -> None:
    """Cell and line go into the message; newlines, colons and percent signs are escaped."""
    finding = _finding("a,b:c%.ipynb", cell_index=3, line=2)

    assert github_annotation(finding) == (
        "::error file=a%2Cb%3Ac%25.ipynb,title=kernelpipe KP203::"
        "cell 3, line 2: error[KP203]: step 'train' reads 'X_train', which no earlier step defines"
        "%0A  hint: did you mean 'x_train'?"
    )


def test_github_annotation__related_places__are_in_the_message() -> None:
    """Between what is wrong and the hint."""
    related = ((Location(path="nb.ipynb", cell_index=0, line=5), "'x_train' is made here"),)
    finding = replace(_finding("nb.ipynb", cell_index=3, line=2), related=related)

    assert github_annotation(finding) == (
        "::error file=nb.ipynb,title=kernelpipe KP203::"
        "cell 3, line 2: error[KP203]: step 'train' reads 'X_train', which no earlier step defines"
        "%0A  see cell 0, line 5: 'x_train' is made here%0A  hint: did you mean 'x_train'?"
    )
