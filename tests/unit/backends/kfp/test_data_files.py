"""Files beside the notebook: enclosed in pods, or refused before anything runs."""

import hashlib
from pathlib import Path

import kit
import pytest

from kernelpipe import api
from kernelpipe.errors import CompileError
from kernelpipe.model.diagnostic import Diagnostic

NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1000))


def told(path: Path) -> list[tuple[str, str, int | None, str]]:
    """Return (code, severity, cell, message) of all that compiling a notebook says."""
    found: list[Diagnostic] = []
    api.compile_notebook(path, path.with_suffix(".yaml"), on_diagnostic=found.append)
    return [(e.code, e.severity.value, e.location.cell_index, e.message) for e in found]


def test_compile__files_beside_the_notebook__are_enclosed(tmp_path: Path) -> None:
    """What a cell reads and a module names; told once each, and only what is there."""
    kit_directory = tmp_path / "own_kit"
    kit_directory.mkdir()
    (kit_directory / "__init__.py").write_text("NAME = 'own_kit/rows.txt'\n")
    (tmp_path / "single.py").write_text(
        "from pathlib import Path\nDATA = Path(__file__).with_name('b.txt')\n"
        f"LONG = {'x' * 999!r}\n"
    )
    for name in ("a.txt", "b.txt", "made.txt", "test.txt", "own_kit/rows.txt"):
        (tmp_path / name).write_text("1")
    absolute = str(tmp_path / "a.txt")
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("import own_kit\nrows = open('own_kit/rows.txt').read()", "step:travels"),
        kit.code("x = open('a.txt').read() + open('missing.txt').read()", "step:reads"),
        kit.code(f"y = open('a.txt').read() + open({absolute!r}).read()", "step:again"),
        kit.code("open('made.txt', 'w').write('2')\nz = open('made.txt').read()", "step:makes"),
        kit.code("import single\nprint(rows, x, y, z)", "step:names"),
        kit.code("assert open('test.txt').read()", "test"),
    )

    end = "is read from beside the notebook: the compiled file holds it as it is now"
    assert told(path) == [
        ("KP410", "info", 1, f"'a.txt' {end}"),
        (
            "KP410",
            "info",
            4,
            "'single.py' names the file 'b.txt' beside it: the compiled file holds it as it is now",
        ),
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param(
            "open('large.bin', 'rb').read()",
            "'large.bin' is read from beside the notebook, and it takes more room than a pod has "
            "for files",
            id="large",
        ),
        pytest.param(
            "import glob\nprint(len(glob.glob('rows/*.csv')))",
            "'rows' is read from beside the notebook, and it takes more room than a pod has for "
            "files",
            id="folder",
        ),
        pytest.param(
            "open('../above.txt').read()",
            "'../above.txt' is read from beside the notebook, and no pod is given what is above "
            "the notebook's folder",
            id="above",
        ),
        pytest.param(
            "open('.token').read()",
            "'.token' is read from beside the notebook, and no pod is given hidden files, which "
            "may hold secrets",
            id="hidden",
        ),
    ],
)
def test_compile__file_beside_the_notebook_that_cannot_travel__is_refused(
    code: str, message: str, tmp_path: Path
) -> None:
    """No pod would find it; that is said before anything starts."""
    folder = tmp_path / "folder"
    (folder / "rows").mkdir(parents=True)
    (folder / "large.bin").write_bytes(NOISE)
    (folder / "rows" / "a.csv").write_bytes(NOISE)
    (folder / ".token").write_text("1")
    (tmp_path / "above.txt").write_text("1")
    path = kit.write(folder / "n.ipynb", kit.code(code, "step:a"))

    with pytest.raises(CompileError) as refused:
        told(path)

    assert [(e.code, e.severity.value, e.message) for e in refused.value.diagnostics] == [
        ("KP408", "error", message)
    ]


def test_compile__files_that_are_made_or_only_listed__are_not_refused(tmp_path: Path) -> None:
    """What an earlier run left is not what the cells read; a listing may be for the eye alone."""
    (tmp_path / "made.bin").write_bytes(NOISE)
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("open('made.bin', 'wb').write(b'1')", "step:makes"),
        kit.code("!ls\nprint(open('made.bin', 'rb').read())", "step:shows"),
    )

    assert [each for each in told(path) if each[0] != "KP215"] == [
        (
            "KP408",
            "warning",
            1,
            "'.' is read from beside the notebook, and no pod is given all that lies there",
        )
    ]
