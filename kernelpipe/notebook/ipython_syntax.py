"""IPython's own input transformer, imported without the rest of IPython where that can be done."""

import builtins
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.machinery import PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any, Protocol, cast


class LineTransformers(Protocol):
    """The parts of ``IPython.core.inputtransformer2.TransformerManager`` that are used."""

    cleanup_transforms: list[Any]
    line_transforms: list[Any]

    def do_one_token_transform(self, lines: list[str]) -> tuple[bool, list[str]]:
        """Transform the first piece of special syntax: (changed, lines)."""
        ...


_MODULE = "IPython.core.inputtransformer2"
_LIGHT_MODULE = "kernelpipe_inputtransformer2"


@cache
def line_transformers() -> LineTransformers:
    """Return IPython's transformers; the first call imports them."""
    module = sys.modules.get(_MODULE) or _import_light() or import_plain()
    return cast("LineTransformers", module.TransformerManager())


def import_plain() -> ModuleType:
    """Import the transformer as anyone does, which imports all of IPython (60 ms and more)."""
    import IPython.core.inputtransformer2 as module  # slow

    return module


def _import_light() -> ModuleType | None:
    """Return a private copy of the transformer's module, or None where that does not work."""
    try:
        return import_light()
    except Exception:  # noqa: BLE001  # an IPython that is laid out in another way: import it whole
        return None


def import_light() -> ModuleType:
    """Load a private copy of the transformer's module (3 ms).

    The module needs nothing of IPython but ``IPython.utils.tokenutil``. Importing either by its
    name would run ``IPython/__init__.py``, which imports the interactive shell; so both are loaded
    from their files, and the one's import of the other is answered here. ``sys.modules`` stays as
    it is, so that a later ``import IPython`` is a whole one.

    Raises:
        ImportError: If IPython is not where a package usually is or needs more than that.
    """
    spec = PathFinder.find_spec("IPython")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("IPython is not an ordinary package", name="IPython")
    root = spec.submodule_search_locations[0]
    utils = ModuleType("kernelpipe_ipython_utils")
    tokenutil = _load("kernelpipe_tokenutil", f"{root}/utils/tokenutil.py", {})
    vars(utils)["tokenutil"] = tokenutil
    return _load(_LIGHT_MODULE, f"{root}/core/inputtransformer2.py", {"IPython.utils": utils})


def _load(name: str, path: str, provided: Mapping[str, ModuleType]) -> ModuleType:
    """Run the module at ``path``; its imports of ``provided`` names are answered from there."""

    def import_module(
        wanted: str,
        namespace: Mapping[str, object] | None = None,
        local: Mapping[str, object] | None = None,
        names: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if wanted in provided and names:
            return provided[wanted]
        if wanted.partition(".")[0] == "IPython" or level:
            raise ImportError(f"the light import does not know '{wanted}'", name=wanted)
        return __import__(wanted, namespace, local, names or (), level)

    loader = SourceFileLoader(name, path)
    code = loader.get_code(name)
    if code is None:  # pragma: no cover  # only a loader without source says so
        raise ImportError("no source", name=name)
    module = ModuleType(name)
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_module}
    module.__file__ = path
    exec(code, module.__dict__)  # noqa: S102  # what an import does
    return module
