"""Files beside the notebook that no pod is given are told before anything runs."""

from pathlib import Path

import kit

from kernelpipe import api
from kernelpipe.model.diagnostic import Diagnostic


def told(path: Path) -> list[tuple[str, str, int | None, str]]:
    """Return (code, severity, cell, message) of all that compiling a notebook says."""
    found: list[Diagnostic] = []
    api.compile_notebook(path, path.with_suffix(".yaml"), on_diagnostic=found.append)
    return [(e.code, e.severity.value, e.location.cell_index, e.message) for e in found]


def test_compile__files_beside_the_notebook__are_told_unless_they_travel(tmp_path: Path) -> None:
    """What a cell reads and a module names; once each, and only what is there."""
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

    assert told(path) == [
        (
            "KP408",
            "warning",
            1,
            "'a.txt' is read from beside the notebook, and no pod is given that file",
        ),
        (
            "KP408",
            "warning",
            4,
            "'single.py' names the file 'b.txt' beside it, and no pod is given that file",
        ),
    ]
