"""Cells with IPython's syntax: what is made of them is what IPython makes of them."""

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from kernelpipe.notebook import transform

CELLS = [
    "x = 1",
    "%time x = 1",
    "%matplotlib inline\nimport os\n",
    "!ls -l {x}",
    "files = !ls",
    "value = %pwd",
    "x?",
    "??x",
    "%%time\nx = 1\ny = 2",
    "%%bash\necho hi\n",
    "%%capture out\nprint(1)",
    "if x:\n    !ls\n    %time y = 2\nz = 3",
    "a = 1\n%timeit -n 1 a + 1\nb = 2",
    "!echo one \\\n  two\nx = 1",
    "x = (1 +\n  2)\n!ls",
    ">>> x = 1\n>>> y = 2",
    "s = '''\n%not a magic\n!nor this\n'''",
    "await f()",
    "/f 1",
    "print('%d' % 3)",
    "x = 5 % 3\ny = 2\n",
]


@pytest.mark.parametrize("source", CELLS)
def test_transform__cell__is_the_tree_that_ipython_makes(source: str) -> None:
    """The trees are equal; only line numbers may differ where IPython loses lines."""
    expected = TransformerManager().transform_cell(source)

    found = transform(source)

    assert found.error is None
    assert _tree(found.text) == _tree(expected)


def _tree(text: str) -> str:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return ast.dump(compile(text, "<cell>", "exec", flags))


def test_transform__statement_after_magics__keeps_its_line() -> None:
    """Line N of the cell is line N of the text."""
    found = transform("%time x = 1\n!echo a \\\n b\ny = 2\n\nz = 3")

    lines = [node.lineno for node in ast.parse(found.text).body]
    assert lines == [1, 2, 4, 6]


def test_transform__no_python__says_where() -> None:
    """The error has the line and the column of the cell."""
    error = transform("x = 1\ny = (2").error

    assert error is not None
    assert (error.line, error.message) == (2, "'(' was never closed")
