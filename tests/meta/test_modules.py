"""Tests of how the source is laid out."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kernelpipe"
LONGEST_MODULE_LINES = 500
ROOT_FILES = ("README.md", "Makefile", "pyproject.toml", ".ci/run")
OTHERS = {".kernelpipe", "lib", "node_modules"}
"""Folders of what is made from the project's files, or installed beside them."""
TEXT_SUFFIXES = {".py", ".ipynb", ".md", ".txt", ".json", ".yaml", ".toml", ".cfg", ".ts", ".tsx"}
HOSTS = {
    "127.0.0.1",
    "example.com",
    "example.org",
    "github.com",
    "jupyter.org",
    "kubernetes.io",
    "localhost",
    "mlflow.org",
    "www.apache.org",
    "www.kubeflow.org",
    "www.w3.org",
}
"""Hosts that files of the project may name."""

MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]


def _texts() -> Iterator[tuple[Path, str]]:
    folders = ("kernelpipe", "tests", "example_notebooks", "labextension")
    found = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in TEXT_SUFFIXES and not OTHERS.intersection(path.relative_to(ROOT).parts)
    ]
    for path in sorted([*found, *(ROOT / name for name in ROOT_FILES)]):
        if path.is_file():
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_module__length__is_at_most_500_lines(module: Path) -> None:
    """A longer module has more than one job."""
    lines = (ROOT / module).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= LONGEST_MODULE_LINES


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_module__first_statement__is_one_sentence(module: Path) -> None:
    """Every module opens with a sentence on its job."""
    docstring = ast.get_docstring(ast.parse((ROOT / module).read_text(encoding="utf-8"))) or ""

    assert docstring.partition("\n\n")[0].rstrip()[-1:] in {".", "?", ":"}


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_package__all__names_everything_it_imports(package: Path) -> None:
    """What a package re-exports is in its ``__all__``, sorted, and really there."""
    if package.parts[1] == "runtime" and len(package.parts) > 3:
        pytest.skip("travels under another name")
    name = ".".join(package.parent.parts)
    tree = ast.parse((ROOT / package).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kernelpipe")
        for alias in node.names
    }
    if not imported:
        return

    module = importlib.import_module(name)

    assert imported <= set(module.__all__)
    assert [found for found in module.__all__ if not hasattr(module, found)] == []


def test_texts__paths_of_one_machine__are_absent() -> None:
    """Nothing points into the machine on which it was written."""
    places = re.compile("(?<![\\w.])/" + "work/|/tmp/" + "venv")

    assert [str(path) for path, text in _texts() if places.search(text)] == []


def test_texts__hosts__are_known() -> None:
    """An address names one of the hosts that this test lists."""
    address = re.compile(r"https?://(?:[^/@\s]*@)?([\w.-]+\w)")

    found = {
        (str(path), host)
        for path, text in _texts()
        for host in address.findall(text)
        if host not in HOSTS
    }

    assert sorted(found) == []


def test_layers__contract__is_exhaustive() -> None:
    """A new top-level module cannot be left out of the layers."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]

    assert layers["type"] == "layers"
    assert layers["exhaustive"] is True


def test_commands__modules_and_summaries__are_the_same() -> None:
    """Every command has a module, and help lists it."""
    from kernelpipe.cli.registry import SUMMARIES

    modules = {path.stem for path in (PACKAGE / "cli" / "commands").glob("*.py")}

    assert modules - {"__init__"} == set(SUMMARIES)
