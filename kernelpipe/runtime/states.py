"""Hidden state of the interpreter and its libraries that the notebook's code changes and relies on.

Each state has a name that begins with ``@`` and travels like a value. A state of a library that is
not imported is None, which puts nothing in force.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import logging_state
from .unstorable import UnstorableValueError


@dataclass(frozen=True)
class Baseline:
    """What was there before the user's code ran; some states are stored as differences to it."""

    environ: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    handlers: tuple[Any, ...] = ()
    """Of the root logger."""

    @classmethod
    def now(cls) -> "Baseline":
        """Return what is there now."""
        return cls(dict(os.environ), tuple(sys.path), logging_state.root_handlers())


class _State(NamedTuple):
    capture: Callable[[Baseline], Any]
    restore: Callable[[Any], None]


def capture(name: str, baseline: Baseline) -> Any:
    """Return what ``restore`` puts in force again, something that can be pickled.

    Raises:
        UnstorableValueError: If part of the state cannot be described.
    """
    try:
        return _STATES[name].capture(baseline)
    except logging_state.UnknownPartError as error:
        raise UnstorableValueError(
            name=name, path=name, kind=str(error), hint="set it up in a setup cell (tag imports)"
        ) from error


def restore(name: str, value: Any) -> None:
    """Put a captured state in force; None leaves everything as it is."""
    if value is not None:
        _STATES[name].restore(value)


def _capture_random(_baseline: Baseline) -> Any:
    import random  # noqa: PLC0415 - imported by use only

    return random.getstate()


def _restore_random(value: Any) -> None:
    import random  # noqa: PLC0415

    random.setstate(value)


def _capture_numpy_random(_baseline: Baseline) -> Any:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return None
    generator = type(numpy.random.get_bit_generator()).__name__
    return {"generator": generator, "state": numpy.random.get_state(legacy=False)}


def _restore_numpy_random(value: Any) -> None:
    import numpy as np

    random: Any = np.random
    if type(random.get_bit_generator()).__name__ != value["generator"]:
        random.set_bit_generator(getattr(random, value["generator"])())
    random.set_state(value["state"])


def _capture_torch(_baseline: Baseline) -> Any:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    has_devices = torch.cuda.is_available() and torch.cuda.is_initialized()
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if has_devices else None,
    }


def _restore_torch(value: Any) -> None:
    import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - rarely there

    torch.set_rng_state(value["cpu"])
    if value["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(value["cuda"])


def _capture_environ(baseline: Baseline) -> Any:
    before = baseline.environ
    return {
        "set": {name: text for name, text in os.environ.items() if before.get(name) != text},
        "unset": [name for name in before if name not in os.environ],
    }


def _restore_environ(value: Any) -> None:
    os.environ.update(value["set"])
    for name in value["unset"]:
        os.environ.pop(name, None)
    if "TZ" in value["set"] or "TZ" in value["unset"]:
        import time  # noqa: PLC0415 - by use only

        time.tzset()


def _capture_path(baseline: Baseline) -> Any:
    path = list(sys.path)
    first = next((i for i, entry in enumerate(path) if entry in baseline.path), len(path))
    return {
        "before": path[:first],
        "after": [entry for entry in path[first:] if entry not in baseline.path],
        "removed": [entry for entry in baseline.path if entry not in path],
    }


def _restore_path(value: Any) -> None:
    moved = {*value["before"], *value["after"], *value["removed"]}
    rest = [entry for entry in sys.path if entry not in moved]
    sys.path[:] = [*value["before"], *rest, *value["after"]]


def _pandas_options() -> tuple[Any, list[tuple[str, Any]]]:
    """Return (pandas, (option, default) of each option that is not deprecated)."""
    import pandas as pd
    from pandas._config import config

    lists: Any = config  # pandas lists its options nowhere else
    known, old = lists._registered_options, lists._deprecated_options  # noqa: SLF001
    return pd, [(key, option.defval) for key, option in sorted(known.items()) if key not in old]


def _capture_pandas(_baseline: Baseline) -> Any:
    if "pandas" not in sys.modules:
        return None
    pandas, options = _pandas_options()
    found = {key: pandas.get_option(key) for key, _ in options}
    return {key: found[key] for key, default in options if _differ(found[key], default)}


def _restore_pandas(value: Any) -> None:
    pandas, options = _pandas_options()
    for key, default in options:
        wanted = value.get(key, default)
        if _differ(pandas.get_option(key), wanted):
            pandas.set_option(key, wanted)


def _differ(left: Any, right: Any) -> bool:
    return type(left) is not type(right) or bool(left != right)


_NO_STYLE = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "webagg.port"})
"""matplotlib's parameters about where figures are shown, not how."""


def _matplotlib_parameters() -> tuple[Any, list[str]]:
    import matplotlib as mpl  # noqa: PLC0415 - imported by use only

    return mpl, sorted(set(mpl.rcParams) - _NO_STYLE)


def _capture_matplotlib(_baseline: Baseline) -> Any:
    if "matplotlib" not in sys.modules:
        return None
    matplotlib, names = _matplotlib_parameters()
    now, before = matplotlib.rcParams, matplotlib.rcParamsDefault
    return {name: now[name] for name in names if _differ(now[name], before[name])}


def _restore_matplotlib(value: Any) -> None:
    matplotlib, names = _matplotlib_parameters()
    now, before = matplotlib.rcParams, matplotlib.rcParamsDefault
    for name in names:
        wanted = value.get(name, before[name])
        if _differ(now[name], wanted):
            now[name] = wanted


def _capture_warnings(_baseline: Baseline) -> Any:
    import warnings  # noqa: PLC0415 - imported by use only

    return list(warnings.filters)


def _restore_warnings(value: Any) -> None:
    import warnings  # noqa: PLC0415

    warnings.filters[:] = value  # type: ignore[index]  # typed as a Sequence, but it is a list
    warnings._filters_mutated()  # type: ignore[attr-defined]  # noqa: SLF001 - as catch_warnings does


def _capture_numpy_printing(_baseline: Baseline) -> Any:
    numpy = sys.modules.get("numpy")
    return None if numpy is None else numpy.get_printoptions()


def _restore_numpy_printing(value: Any) -> None:
    import numpy as np

    np.set_printoptions(**value)


def _capture_numpy_errors(_baseline: Baseline) -> Any:
    numpy = sys.modules.get("numpy")
    return None if numpy is None else numpy.geterr()


def _restore_numpy_errors(value: Any) -> None:
    import numpy as np

    np.seterr(**value)


def _capture_sklearn(_baseline: Baseline) -> Any:
    sklearn = sys.modules.get("sklearn")
    return None if sklearn is None else sklearn.get_config()


def _restore_sklearn(value: Any) -> None:
    import sklearn  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - by use only

    sklearn.set_config(**value)


_LOCALE_CATEGORIES = ("LC_CTYPE", "LC_COLLATE", "LC_TIME", "LC_MONETARY", "LC_NUMERIC")


def _capture_locale(_baseline: Baseline) -> Any:
    import locale  # noqa: PLC0415 - imported by use only

    return {name: locale.setlocale(getattr(locale, name)) for name in _LOCALE_CATEGORIES}


def _restore_locale(value: Any) -> None:
    import locale  # noqa: PLC0415

    for name, text in value.items():
        locale.setlocale(getattr(locale, name), text)


def _capture_decimal(_baseline: Baseline) -> Any:
    import decimal  # noqa: PLC0415 - imported by use only

    return decimal.getcontext().copy()


def _restore_decimal(value: Any) -> None:
    import decimal  # noqa: PLC0415

    decimal.setcontext(value)


_STATES: Mapping[str, _State] = {
    "@random": _State(_capture_random, _restore_random),
    "@numpy.random": _State(_capture_numpy_random, _restore_numpy_random),
    "@torch": _State(_capture_torch, _restore_torch),
    "@environ": _State(_capture_environ, _restore_environ),
    "@cwd": _State(lambda _: os.getcwd(), os.chdir),  # noqa: PTH109 - no Path is needed
    "@sys.path": _State(_capture_path, _restore_path),
    "@pandas.options": _State(_capture_pandas, _restore_pandas),
    "@matplotlib.rcparams": _State(_capture_matplotlib, _restore_matplotlib),
    "@warnings.filters": _State(_capture_warnings, _restore_warnings),
    "@numpy.printoptions": _State(_capture_numpy_printing, _restore_numpy_printing),
    "@numpy.errstate": _State(_capture_numpy_errors, _restore_numpy_errors),
    "@sklearn.config": _State(_capture_sklearn, _restore_sklearn),
    "@locale": _State(_capture_locale, _restore_locale),
    "@decimal": _State(_capture_decimal, _restore_decimal),
    "@logging": _State(lambda b: logging_state.capture(b.handlers), logging_state.restore),
}

NAMES = tuple(_STATES)
"""Of all states."""
