"""What of functions and classes counts when they are compared: their code, and what that holds."""

from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

_KEPT: Final = frozenset({"__doc__", "__slots__", "__match_args__", "__annotations__"})
_MEMBERS: Final = (FunctionType, staticmethod, classmethod, property)
_PLAIN: Final = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, type)


def parts(value: Any) -> dict[str, Any] | None:
    """Return what is to be compared of a function, a method, code, a class or a module.

    None for everything else. Of what a library made the name is enough. Line numbers and names of
    files do not count, nor do globals: they are values of their own.
    """
    for kind, look in _LOOKS:
        if isinstance(value, kind):
            return look(value)
    return None


def _of_class(value: type) -> dict[str, Any]:
    found: dict[str, Any] = {"name": value.__qualname__, "bases": list(value.__bases__)}
    if value.__module__ != "__main__":
        return {"name": value.__qualname__}
    for name, member in vars(value).items():
        is_own = not name.startswith("__") or name in _KEPT
        if isinstance(member, _MEMBERS) or (is_own and isinstance(member, _PLAIN)):
            found[name] = member
    return found


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "nothing"


def _of_function(value: FunctionType) -> dict[str, Any]:
    return {
        "name": value.__qualname__,
        "code": value.__code__,
        "defaults": value.__defaults__,
        "keyword defaults": value.__kwdefaults__,
        "closure": [_content(cell) for cell in value.__closure__ or ()],
        "attributes": vars(value),
    }


def _of_code(value: CodeType) -> dict[str, Any]:
    return {
        "instructions": value.co_code,
        "constants": list(value.co_consts),
        "names": [*value.co_names, *value.co_varnames, *value.co_freevars],
    }


_LOOKS: Final[tuple[tuple[Any, Callable[[Any], dict[str, Any]]], ...]] = (
    (ModuleType, lambda value: {"name": value.__name__}),
    (MethodType, lambda value: {"function": value.__func__, "self": value.__self__}),
    (FunctionType, _of_function),
    (CodeType, _of_code),
    (staticmethod | classmethod, lambda value: {"function": value.__func__}),
    (property, lambda value: {"get": value.fget, "set": value.fset, "del": value.fdel}),
    (type, _of_class),
)
