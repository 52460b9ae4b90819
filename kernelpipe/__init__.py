"""kernelpipe compiles tagged Jupyter notebooks to pipelines."""

from typing import TYPE_CHECKING

from kernelpipe._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernelpipe.api import (
        batch,
        check,
        diff,
        explain,
        graph,
        parity,
        plan,
        propose,
        report,
        resume,
        run,
        schedule,
        submit,
        verify,
    )
    from kernelpipe.api import compile_notebook as compile  # noqa: A004  # the command's name

__all__ = [
    "__version__",
    "batch",
    "check",
    "compile",
    "diff",
    "explain",
    "graph",
    "parity",
    "plan",
    "propose",
    "report",
    "resume",
    "run",
    "schedule",
    "submit",
    "verify",
]

_FUNCTIONS = {name: name for name in __all__} | {"compile": "compile_notebook"}


def __getattr__(name: str) -> "Callable[..., object]":
    """Import the functions when they are first used, so that ``import kernelpipe`` is fast."""
    if name not in _FUNCTIONS:
        raise AttributeError(f"module 'kernelpipe' has no attribute '{name}'")
    from kernelpipe import api  # noqa: PLC0415  # see above

    function: Callable[..., object] = getattr(api, _FUNCTIONS[name])
    globals()[name] = function
    return function


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's tools for developers where the built panel is."""
    return [{"src": "labextension", "dest": "kernelpipe"}]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
