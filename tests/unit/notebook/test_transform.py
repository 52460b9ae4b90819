"""Cells to Python: line numbers, errors, automagic."""

import ast
import subprocess
import sys
import warnings

import pytest

from kernelpipe.notebook import PythonError, PythonText, transform


def _line(text: str, name: str) -> int:
    """Return the line in which ``name`` is assigned."""
    return next(
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param("\n\n%ls\nx = 1", 4, id="leading blank lines"),
        pytest.param("!a \\\n b \\\n c\nx = 1", 4, id="continued shell line"),
        pytest.param("%a \\\n b\n%c \\\n d\nx = 1", 5, id="two continued magics"),
        pytest.param("y = %a \\\n b\nx = 1", 3, id="continued assignment"),
        pytest.param("if y:\n    !a \\\n  b\n    x = 1", 4, id="in a block"),
        pytest.param("\n  %ls\n  x = 1", 3, id="indented cell"),
        pytest.param("\n>>> %ls\n>>> x = 1", 3, id="prompts"),
        pytest.param("f(\n 1)?\nx = 1", 3, id="help that is none"),
    ],
)
def test_transform__special_lines_above__statement_keeps_its_line(source: str, line: int) -> None:
    """Line N of the cell is line N of the text, whatever IPython joins or drops above it."""
    text = transform(source)

    if text.error is None:
        assert _line(text.text, "x") == line
    else:
        assert text.text.split("\n")[line - 1] == "x = 1"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        pytest.param(
            "def f(:", PythonError(message="invalid syntax", line=1, column=6), id="plain"
        ),
        pytest.param(
            "%ls \\\n x\nreturn 5",
            PythonError(message="'return' outside function", line=3, column=0),
            id="found by the compiler",
        ),
        pytest.param(
            "\n\n%ls \\\n a\nif 1:\n    x\n  y",
            PythonError(
                message="unindent does not match any outer indentation level", line=7, column=1
            ),
            id="found by the tokenizer",
        ),
        pytest.param(
            "x\ny = '\ud800'",
            PythonError(message="a character that no file can hold", line=2),
            id="half a character",
        ),
        pytest.param(
            f"{'-' * 50_000}1",
            PythonError(message="it is nested too deeply for Python's parser"),
            id="deep",
        ),
    ],
)
def test_transform__not_python__says_where(source: str, error: PythonError) -> None:
    """The place is the one in the cell's source."""
    found = transform(source).error

    assert found is not None
    assert (found.line, found.message[:20]) == (error.line, error.message[:20])


def test_transform__null_byte__is_an_error() -> None:
    """No Python has null bytes; older versions raise another exception for it."""
    error = transform("x = 1\n\0").error

    assert error is not None
    assert "null bytes" in error.message


def test_transform__too_many_special_lines__is_an_error_as_in_ipython(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """IPython gives up after 500 of them; here after 5, as the time grows with the square."""
    monkeypatch.setattr(sys.modules["kernelpipe.notebook.transform"], "_MAX_ROUNDS", 5)

    assert transform("%ls\n" * 4).error is None
    assert transform("%ls\n" * 5).error == PythonError(
        message="IPython cannot read it: more than 5 lines with IPython syntax"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "pip install foo",
            PythonText(text="get_ipython().run_line_magic('pip', 'install foo')\n"),
            id="not Python",
        ),
        pytest.param(
            "\ncd ..\n", PythonText(text="\nget_ipython().run_line_magic('cd', '..')\n"), id="blank"
        ),
        pytest.param(
            "ls",
            PythonText(text="ls", automagic="get_ipython().run_line_magic('ls', '')\n"),
            id="a name, too",
        ),
        pytest.param(
            "ls -l",
            PythonText(text="ls -l", automagic="get_ipython().run_line_magic('ls', '-l')\n"),
            id="a difference, too",
        ),
        pytest.param("ls = 1", PythonText(text="ls = 1"), id="assignment"),
        pytest.param("ls\nx", PythonText(text="ls\nx"), id="two lines"),
        pytest.param("foo", PythonText(text="foo"), id="no magic"),
        pytest.param("", PythonText(text=""), id="nothing"),
    ],
)
def test_transform__one_line_cell__may_be_a_magic(source: str, expected: PythonText) -> None:
    """IPython runs a one-line cell that begins with a magic's name as that magic."""
    assert transform(source) == expected


def test_transform__suspicious_literal__warns_nobody() -> None:
    """Python's warnings about the user's code are for the run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        text = transform("x = '\\d' is 1")

    assert (text.error, caught) == (None, [])


def test_magic_names__kernel__has_each_of_them() -> None:
    """The list is that of a plain shell, less what that platform or version lacks."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "print(*InteractiveShell().magics_manager.magics['line'])\n"
    )
    from kernelpipe.notebook.magic_names import LINE_MAGICS

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) - LINE_MAGICS == set()
