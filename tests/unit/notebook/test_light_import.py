"""IPython's transformer without IPython: the same answers, and nothing else imported."""

import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from kernelpipe.notebook import ipython_syntax, transform
from kernelpipe.notebook.ipython_syntax import import_light, import_plain

CELLS = [
    "%time x = 1",
    "files = !ls \\\n  -l\nx = 1",
    "x??",
    "%%bash\necho",
    "\n\n  a = 1\n  %ls",
    "In [1]: x = 1\n   ...: y = 2",
    ">>> x\n... y",
    "def f():\n    !ls\n",
    "x = ('''\n%no\n''')\n%ls?",
]


@pytest.mark.parametrize("source", CELLS)
def test_import_light__cell__transforms_as_the_whole_of_ipython_does(source: str) -> None:
    """The private copy of the module is the module."""
    light = import_light().TransformerManager()
    plain = import_plain().TransformerManager()

    assert light.transform_cell(source) == plain.transform_cell(source)


def test_transform__magic_in_a_new_process__leaves_ipython_and_nbformat_out() -> None:
    """The graph of a notebook with magics costs no import of IPython, nbformat or asyncio."""
    code = (
        "import sys\n"
        "from kernelpipe.notebook import parse_notebook, transform\n"
        "print(transform('%time x = 1').text.strip())\n"
        "print(sorted({'IPython', 'nbformat', 'asyncio', 'jsonschema'} & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_root()
    )

    assert done.stdout == "get_ipython().run_line_magic('time', 'x = 1')\n[]\n"


def test_import_light__ipython_elsewhere__is_an_import_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An IPython that is no folder with files cannot be loaded from its files."""
    monkeypatch.setattr(PathFinder, "find_spec", lambda _name: None)

    with pytest.raises(ImportError, match="not an ordinary package"):
        import_light()


def test_import_light__module_needs_more_of_ipython__is_an_import_error(tmp_path: Path) -> None:
    """Whatever else the module would import of IPython is not answered."""
    module = tmp_path / "needy.py"
    module.write_text("from IPython.core import magic\n")

    with pytest.raises(ImportError, match=r"does not know 'IPython\.core'"):
        ipython_syntax._load("needy", str(module), {})


def test_line_transformers__light_import_fails__imports_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A future IPython that is laid out otherwise costs time, not the answer."""
    monkeypatch.setattr(PathFinder, "find_spec", lambda _name: None)
    monkeypatch.setattr(ipython_syntax, "_MODULE", "not imported")
    ipython_syntax.line_transformers.cache_clear()

    text = transform("%ls").text

    ipython_syntax.line_transformers.cache_clear()
    assert text == "get_ipython().run_line_magic('ls', '')\n"


def _root() -> Path:
    return Path(__file__).parents[3]
