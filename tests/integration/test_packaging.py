"""Tests of what is installed: the wheel, the sdist, and the panel's bundle in them."""

import gzip
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import kernelpipe

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "labextension"
BUNDLE = ROOT / "kernelpipe" / "labextension"
LARGEST_BUNDLE_BYTES = 100_000
PLACE = f"kernelpipe-{kernelpipe.__version__}.data/data"
PANEL = f"{PLACE}/share/jupyter/labextensions/kernelpipe"


def _hook() -> ModuleType:
    """Return the build hook as a module."""
    spec = importlib.util.spec_from_file_location("bundle", SOURCES / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build(tree: Path, target: str, to: Path) -> Path:
    """Build a wheel or an sdist of a tree, and return it."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(to)]
    ended = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (built,) = to.iterdir()
    return built


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project: building it twice at once would be a race."""
    if not _hook().is_current(SOURCES, BUNDLE):
        pytest.fail("the panel's bundle is old: run `pip install -e .` (as `make test` does)")
    copied = tmp_path_factory.mktemp("tree") / "kernelpipe"
    unwanted = shutil.ignore_patterns(
        "node_modules", "lib", "__pycache__", ".yarn", "*.tsbuildinfo"
    )
    for name in ("kernelpipe", "labextension"):
        shutil.copytree(ROOT / name, copied / name, ignore=unwanted)
    for name in ("README.md", "pyproject.toml", ".gitignore"):
        shutil.copyfile(ROOT / name, copied / name)
    return copied


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the wheel."""
    return zipfile.ZipFile(_build(tree, "wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sdist."""
    return _build(tree, "sdist", tmp_path_factory.mktemp("sdist"))


def test_wheel__panel__is_where_jupyterlab_looks_and_only_there(wheel: zipfile.ZipFile) -> None:
    """The bundle is shared data and in no package; its package.json names what to load."""
    names = set(wheel.namelist())

    panel = json.loads(wheel.read(f"{PANEL}/package.json"))

    assert f"{PANEL}/{panel['jupyterlab']['_build']['load']}" in names
    assert {f"{PANEL}/install.json", f"{PANEL}/static/style.js"} <= names
    assert [name for name in names if name.startswith("kernelpipe/labextension")] == []
    assert [name for name in names if re.search(r"\.tsx?$|\.map$|node_modules", name)] == []


def test_wheel__server_extension__is_switched_on(wheel: zipfile.ZipFile) -> None:
    """Installing is all that a user does."""
    path = f"{PLACE}/etc/jupyter/jupyter_server_config.d/kernelpipe.json"

    assert json.loads(wheel.read(path)) == {
        "ServerApp": {"jpserver_extensions": {"kernelpipe.server": True}}
    }


def test_wheel__package__has_every_module(wheel: zipfile.ZipFile) -> None:
    """Nothing that is imported is left out."""
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kernelpipe").rglob("*.py")
        if "labextension" not in path.parts
    }

    assert modules <= set(wheel.namelist())


def test_sdist__on_a_machine_without_node__gives_the_same_wheel(
    sdist: Path, wheel: zipfile.ZipFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An sdist brings the bundle and its sources, so nothing is built again."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()

    again = zipfile.ZipFile(_build(unpacked, "wheel", tmp_path / "wheel"))

    assert {info.filename: info.CRC for info in again.infolist()} == {
        info.filename: info.CRC for info in wheel.infolist()
    }


@pytest.mark.parametrize("name", ["src/index.ts", "style/base.css", "yarn.lock", "src/new.ts"])
def test_bundle__edited_source__is_made_again(tree: Path, tmp_path: Path, name: str) -> None:
    """Whatever the bundle is made from makes it old; a time stamp does not."""
    hook = _hook()
    sources = shutil.copytree(tree / "labextension", tmp_path / "labextension")
    bundle = shutil.copytree(tree / "kernelpipe" / "labextension", tmp_path / "bundle")
    (sources / "package.json").touch()
    assert hook.is_current(sources, bundle)

    with (sources / name).open("a", encoding="utf-8") as edited:
        edited.write("\n")

    assert not hook.is_current(sources, bundle)


def test_build__old_bundle_without_yarn__says_what_to_do(tree: Path, tmp_path: Path) -> None:
    """A Python developer without Node.js or network reads how to go on without the panel."""
    sources = shutil.copytree(tree / "labextension", tmp_path / "labextension")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(RuntimeError, match="KERNELPIPE_WITHOUT_PANEL=1"):
            _hook().build(sources, tmp_path / "bundle")


def test_wheel__without_panel__has_none(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that the message names leaves an old bundle out and builds nothing."""
    copied = shutil.copytree(tree, tmp_path / "tree")
    with (copied / "labextension" / "src" / "index.ts").open("a", encoding="utf-8") as edited:
        edited.write("\n")
    monkeypatch.setenv("KERNELPIPE_WITHOUT_PANEL", "1")

    wheel = zipfile.ZipFile(_build(copied, "wheel", tmp_path / "wheel"))

    assert [name for name in wheel.namelist() if name.startswith(PANEL)] == []
    assert "kernelpipe/cli/main.py" in wheel.namelist()


def test_bundle__size__is_below_its_limit(tree: Path) -> None:
    """All scripts together, compressed; a component library would not fit."""
    scripts = (tree / "kernelpipe" / "labextension" / "static").glob("*.js")

    compressed = sum(len(gzip.compress(path.read_bytes())) for path in scripts)

    assert 10_000 < compressed < LARGEST_BUNDLE_BYTES


def test_versions__python_and_javascript__agree() -> None:
    """The version of the Python package is the version."""
    package = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))

    assert package["version"] == kernelpipe.__version__


def test_yarn_lock__addresses__are_absent() -> None:
    """Packages come from whatever registry a machine uses."""
    assert "http" not in (SOURCES / "yarn.lock").read_text(encoding="utf-8")


def test_shared_packages__oldest_jupyterlab__is_what_pip_requires() -> None:
    """The panel asks for the JupyterLab that the Python package asks for, no newer one."""
    package = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shared = package["jupyterlab"]["sharedPackages"]

    assert "jupyterlab>=4.4,<5" in project["dependencies"]
    assert {name: found["requiredVersion"] for name, found in shared.items()} == {
        name: version
        for name, version in package["dependencies"].items()
        if name.startswith(("@jupyter/", "@jupyterlab/"))
    }
