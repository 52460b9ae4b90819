"""What a notebook installs, on this machine: met, refused, or installed once."""

import json
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from percent import notebook_of

from kernelpipe.analysis import build_pipeline
from kernelpipe.backends.local import check_pipeline
from kernelpipe.backends.local.requirements import install_missing
from kernelpipe.errors import BackendError
from kernelpipe.model.diagnostic import Severity
from kernelpipe.model.pipeline import Pipeline

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
FOUND = [
    pytest.param("%pip install packaging", [], id="there"),
    pytest.param("%pip install 'packaging>=1'", [], id="there in a range"),
    pytest.param("!pip install packaging==0.1", [("KP413", ERROR)], id="another version"),
    pytest.param("!pip install -U packaging", [("KP413", WARNING)], id="upgrade"),
    pytest.param("!pip install 'absent-z; python_version<\"3\"'", [], id="not for this Python"),
    pytest.param("!pip install absent-z", [("KP413", INFO)], id="to be installed"),
    pytest.param("if 1 + 1:\n    !pip install absent-z", [("KP413", WARNING)], id="perhaps"),
    pytest.param("%conda install absent-z", [("KP413", ERROR)], id="of conda"),
]


def built(source: str, path: Path = Path("here.ipynb")) -> Pipeline:
    """Return the pipeline of one step with ``source``, for a notebook at ``path``."""
    from dataclasses import replace

    return build_pipeline(replace(notebook_of(f"# %% step:a\n{source}\n"), path=str(path)))


@pytest.mark.parametrize(("source", "expected"), FOUND)
def test_check_pipeline__what_is_installed__decides(
    source: str, expected: list[tuple[str, Severity]]
) -> None:
    """A version that would be replaced is refused; what will be installed is said."""
    assert [(d.code, d.severity) for d in check_pipeline(built(source))] == expected


def wheel(folder: Path, name: str, requires: Iterable[str] = ()) -> None:
    """Put a wheel of version 1.0 with one module into ``folder``."""
    info = f"{name}-1.0.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)


@pytest.fixture
def own_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the kernel ``own`` run an environment that sees this one; return its packages."""
    import venv

    venv.EnvBuilder(symlinks=True, with_pip=False).create(tmp_path / "env")
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (site / "outer.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    spec = tmp_path / "jupyter" / "kernels" / "own"
    spec.mkdir(parents=True)
    argv = [str(tmp_path / "env" / "bin" / "python"), "-m", "ipykernel_launcher"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "own", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return site


def of_own(source: str, folder: Path) -> Pipeline:
    """Return the pipeline of a notebook in ``folder`` that runs in the kernel ``own``."""
    from dataclasses import replace

    return replace(built(source, folder / "n.ipynb"), kernel_name="own")


def test_install_missing__absent_package__is_installed_once(
    own_python: Path, tmp_path: Path
) -> None:
    """It is installed for the kernel's Python with the line's options, and then it is there."""
    wheel(tmp_path, "absent_a")
    pipeline = of_own("!pip install --no-index --find-links . absent_a packaging", tmp_path)
    told: list[str] = []

    is_first = install_missing(pipeline, told.append)
    is_second = install_missing(pipeline, told.append)

    assert (is_first, is_second) == (True, False)
    assert (own_python / "absent_a.py").exists()
    assert told == ["installing absent_a, which cell 0, line 1 asks for", "installed absent_a"]


def test_install_missing__it_needs_another_version_of_what_is_there__fails_before_the_run(
    own_python: Path, tmp_path: Path
) -> None:
    """Nothing that is installed is replaced: earlier cells would have used it."""
    wheel(tmp_path, "absent_b", ["packaging<1"])
    pipeline = of_own("!pip install --no-index --find-links . absent_b", tmp_path)

    with pytest.raises(BackendError, match="cannot install absent_b: ERROR") as caught:
        install_missing(pipeline, lambda _text: None)

    assert "nothing was started" in str(caught.value)
    assert not (own_python / "absent_b.py").exists()
