"""The files of our runtime and of cloudpickle, as they travel to a pod."""

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LOCAL_ONLY: Final = ("touched", "checkpoints", "boundaries")
"""What the names of our runtime's modules begin with that only runs on this machine need."""
_PACKAGES: Final = {"kernelpipe.runtime": "kernelpipe_runtime", "cloudpickle": "cloudpickle"}
"""Package here -> package in a pod."""


def runtime_sources() -> dict[str, str]:
    """Return path in a pod -> the source of each module there, as it is here."""
    return {
        f"runtime/{target}/{path.name}": path.read_text(encoding="utf-8")
        for package, target in _PACKAGES.items()
        for path in sorted(_directory(package).glob("*.py"))
        if not path.name.startswith(_LOCAL_ONLY)
    }


def runtime_files(sources: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of modules, without what a pod has no use for."""
    return {path: without_docstrings(source).encode() for path, source in sources.items()}


def _directory(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


def without_docstrings(source: str) -> str:
    """Return Python ``source`` without comments and docstrings, which a pod has no use for."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            kept = [each for each in node.body if not _is_text(each)]
            node.body = kept or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return ast.unparse(tree) + "\n"


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
