"""Tests that no route can be asked without authentication, and that programs load no server."""

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kernelpipe.server.base import KernelpipeHandler
from kernelpipe.server.extension import PARTS

SERVER = Path(__file__).parents[2] / "kernelpipe" / "server"
VERBS = {"get", "head", "post", "delete", "patch", "put"}
ROUTES = [(part.__name__.rpartition(".")[2], route) for part in PARTS for route in part.ROUTES]


@functools.cache
def _verbs() -> list[tuple[str, ast.AsyncFunctionDef | ast.FunctionDef]]:
    """Return every method of the server's classes that answers a request."""
    return [
        (f"{module.stem}.{owner.name}.{method.name}", method)
        for module in sorted(SERVER.glob("*.py"))
        for owner in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(owner, ast.ClassDef)
        for method in owner.body
        if isinstance(method, ast.AsyncFunctionDef | ast.FunctionDef)
        if method.name in VERBS and ast.unparse(method.args).startswith("self")
        if any("Handler" in ast.unparse(base) for base in owner.bases)
    ]


@pytest.mark.parametrize("method", [pytest.param(m, id=name) for name, m in _verbs()])
def test_verb__of_a_handler__is_authenticated_and_authorized(
    method: ast.AsyncFunctionDef | ast.FunctionDef,
) -> None:
    """In this order: who asks, then whether they may."""
    decorators = [ast.unparse(each) for each in method.decorator_list]

    assert decorators[0] == "web.authenticated"
    assert decorators[1] == "authorized" or decorators[1].startswith("authorized(action=")
    assert len(decorators) == 2


@pytest.mark.parametrize(
    ("module", "route"), [pytest.param(m, r, id=f"{m} {r[0]}") for m, r in ROUTES]
)
def test_route__handler__is_ours(module: str, route: tuple[str, type]) -> None:
    """All routes are below one prefix and refuse strangers as the base handler does."""
    pattern, handler = route[0], route[1]
    answered = {verb for verb in VERBS if f"{handler.__name__}.{verb}" in " ".join(dict(_verbs()))}

    assert pattern.startswith("kernelpipe/")
    assert issubclass(handler, KernelpipeHandler)
    assert handler.auth_resource == "kernelpipe"
    assert handler.check_xsrf_cookie is KernelpipeHandler.check_xsrf_cookie
    assert handler.prepare is KernelpipeHandler.prepare
    assert answered, module


def test_verbs__base_handler__answers_none() -> None:
    """A verb that a subclass does not answer is not answered."""
    unanswered = {getattr(KernelpipeHandler, verb).__name__ for verb in VERBS}

    assert unanswered == {"_unimplemented_method"}


@pytest.mark.parametrize("module", ["kernelpipe.server", "kernelpipe.server.computing"])
def test_program__import__loads_no_server(module: str) -> None:
    """Worker processes start in no time, as they load no Jupyter Server."""
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in json.loads(ended.stdout)}
    assert loaded & {"jupyter_server", "tornado", "traitlets", "nbformat", "asyncio"} == set()
