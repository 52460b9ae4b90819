"""Hidden state of the interpreter survives the way to another step."""

import decimal
import json
import locale
import logging
import logging.handlers
import os
import random
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from kernelpipe.runtime import states
from kernelpipe.runtime.container import ValueFileError
from kernelpipe.runtime.unstorable import UnstorableValueError
from kernelpipe.runtime.values import dump_group, load_group

ALL = (
    *("@random", "@numpy.random", "@torch", "@environ", "@cwd", "@sys.path", "@pandas.options"),
    *("@matplotlib.rcparams", "@warnings.filters", "@numpy.printoptions", "@locale", "@decimal"),
    *("@logging", "@numpy.errstate", "@sklearn.config"),
)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what the tests put in force."""
    monkeypatch.chdir(Path.cwd())
    path, environ = list(sys.path), dict(os.environ)
    handlers = list(logging.root.handlers)
    with warnings.catch_warnings(), mpl.rc_context(), decimal.localcontext():
        yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environ)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(logging.WARNING)
    logging.disable(logging.NOTSET)
    np.set_printoptions(precision=8)
    pd.reset_option("display.max_rows")
    pd.reset_option("display.precision")


def stored(name: str, path: Path, baseline: states.Baseline | None = None) -> Path:
    """Store a state as a step does."""
    dump_group([name], {}, path / "state", baseline=baseline)
    return path / "state"


def put(path: Path, name: str) -> None:
    """Put a stored state in force as a step does."""
    namespace: dict[str, Any] = {}
    load_group(path, [name], namespace)
    assert namespace == {}


@pytest.mark.parametrize("name", ALL)
def test_states__captured_and_restored_at_once__changes_nothing(name: str, tmp_path: Path) -> None:
    """Every state that the analysis knows can be stored and put in force."""
    put(stored(name, tmp_path), name)


def test_random__seeded__goes_on(tmp_path: Path) -> None:
    """The next numbers are those that the notebook would draw."""
    random.seed(3)
    path = stored("@random", tmp_path)
    expected = [random.random(), random.gauss()]  # noqa: S311 - no secret

    random.seed(4)
    put(path, "@random")

    assert [random.random(), random.gauss()] == expected  # noqa: S311 - no secret


def test_numpy_random__seeded__goes_on(tmp_path: Path) -> None:
    """The legacy generator continues, with its half of a Gaussian pair."""
    np.random.seed(3)  # noqa: NPY002
    np.random.randn()  # noqa: NPY002
    path = stored("@numpy.random", tmp_path)
    expected = np.random.randn(3).tolist()  # noqa: NPY002

    np.random.seed(4)  # noqa: NPY002
    put(path, "@numpy.random")

    assert np.random.randn(3).tolist() == expected  # noqa: NPY002


def test_numpy_random__other_generator__is_put_in_force(tmp_path: Path) -> None:
    """Not only the Mersenne twister."""
    legacy: Any = np.random
    before = legacy.get_bit_generator()
    try:
        legacy.set_bit_generator(np.random.PCG64(5))
        path = stored("@numpy.random", tmp_path)
        expected = np.random.rand(2).tolist()  # noqa: NPY002
        legacy.set_bit_generator(before)
        put(path, "@numpy.random")

        assert np.random.rand(2).tolist() == expected  # noqa: NPY002
    finally:
        legacy.set_bit_generator(before)


def test_torch__imported__goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generators of CPU and devices are captured (a stand-in: torch is not installed)."""
    calls: list[tuple[str, object]] = []
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        get_rng_state_all=lambda: ["g"],
        set_rng_state_all=lambda value: calls.append(("cuda", value)),
    )
    torch = SimpleNamespace(
        cuda=cuda, get_rng_state=lambda: "c", set_rng_state=lambda v: calls.append(("cpu", v))
    )
    monkeypatch.setitem(sys.modules, "torch", torch)

    value = states.capture("@torch", states.Baseline.now())
    states.restore("@torch", value)
    cuda.is_initialized = lambda: False
    states.restore("@torch", states.capture("@torch", states.Baseline.now()))

    assert calls == [("cpu", "c"), ("cuda", ["g"]), ("cpu", "c")]


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("@numpy.random", "numpy"),
        ("@numpy.printoptions", "numpy"),
        ("@pandas.options", "pandas"),
        ("@matplotlib.rcparams", "matplotlib"),
        ("@torch", "torch"),
        ("@numpy.errstate", "numpy"),
        ("@sklearn.config", "sklearn"),
    ],
)
def test_capture__library_not_imported__is_none(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is imported only to store its state."""
    monkeypatch.delitem(sys.modules, library, raising=False)

    assert states.capture(name, states.Baseline.now()) is None


def test_environ__changed__travels_as_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the step's surroundings set stays each step's own."""
    monkeypatch.setenv("KEEP", "here")
    monkeypatch.setenv("GONE", "1")
    monkeypatch.setenv("CHANGED", "old")
    baseline = states.Baseline.now()
    os.environ.update(NEW="n", CHANGED="new")
    del os.environ["GONE"]
    path = stored("@environ", tmp_path, baseline)

    monkeypatch.undo()
    os.environ.update(KEEP="there", GONE="2", CHANGED="old")
    os.environ.pop("NEW", None)
    put(path, "@environ")

    found = {name: os.environ.get(name) for name in ("KEEP", "GONE", "CHANGED", "NEW")}
    assert found == {"KEEP": "there", "GONE": None, "CHANGED": "new", "NEW": "n"}


@pytest.mark.parametrize("zone", ["Asia/Tokyo", None])
def test_environ__time_zone__is_in_force(
    zone: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting or removing TZ counts at once."""
    monkeypatch.setenv("TZ", "America/Lima")
    baseline = states.Baseline.now()
    if zone is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", zone)
    path = stored("@environ", tmp_path, baseline)
    time.tzset()
    expected = time.tzname

    monkeypatch.setenv("TZ", "America/Lima")
    time.tzset()
    put(path, "@environ")

    assert time.tzname == expected
    monkeypatch.undo()
    time.tzset()


def test_cwd__changed__is_put_in_force(tmp_path: Path) -> None:
    """Relative paths mean the same."""
    (tmp_path / "data").mkdir()
    os.chdir(tmp_path / "data")
    path = stored("@cwd", tmp_path)

    os.chdir(tmp_path)
    put(path, "@cwd")

    assert Path.cwd() == tmp_path / "data"


def test_cwd__gone__says_so(tmp_path: Path) -> None:
    """A directory that exists in one pod only is named."""
    (tmp_path / "data").mkdir()
    os.chdir(tmp_path / "data")
    path = stored("@cwd", tmp_path)
    os.chdir(tmp_path)
    (tmp_path / "data").rmdir()

    with pytest.raises(ValueFileError, match=r"'@cwd' cannot be put in force .FileNotFoundError"):
        put(path, "@cwd")


def test_sys_path__changed__travels_as_difference(tmp_path: Path) -> None:
    """New entries keep their side; what is the step's own stays; nothing is doubled."""
    sys.path[:] = ["/old", "/gone", "/lib"]
    baseline = states.Baseline.now()
    sys.path[:] = ["/first", "/old", "/lib", "/last"]
    path = stored("@sys.path", tmp_path, baseline)

    sys.path[:] = ["/first", "/own", "/gone", "/lib2"]
    put(path, "@sys.path")

    assert sys.path == ["/first", "/own", "/lib2", "/last"]


def test_pandas_options__changed__are_put_in_force(tmp_path: Path) -> None:
    """Options that setup changed but the state has at their default are reset."""
    pd.set_option("display.max_rows", 7)
    path = stored("@pandas.options", tmp_path)

    pd.reset_option("display.max_rows")
    pd.set_option("display.precision", 2)
    put(path, "@pandas.options")

    assert (pd.get_option("display.max_rows"), pd.get_option("display.precision")) == (7, 6)


def test_matplotlib_rcparams__changed__are_put_in_force(tmp_path: Path) -> None:
    """Parameters that setup changed but the state has at their default are reset."""
    mpl.rcParams["lines.linewidth"] = 5.0
    path = stored("@matplotlib.rcparams", tmp_path)

    mpl.rcParams["lines.linewidth"] = 1.0
    mpl.rcParams["font.size"] = 30.0
    put(path, "@matplotlib.rcparams")

    assert (mpl.rcParams["lines.linewidth"], mpl.rcParams["font.size"]) == (5.0, 10.0)


def test_warnings_filters__changed__are_put_in_force(tmp_path: Path) -> None:
    """Filters with patterns and categories arrive in order."""
    warnings.filterwarnings("ignore", "never shown", UserWarning)
    path = stored("@warnings.filters", tmp_path)

    warnings.simplefilter("error")
    put(path, "@warnings.filters")

    warnings.warn("never shown", UserWarning, stacklevel=1)
    assert warnings.filters[0][0] == "ignore"


def test_numpy_printoptions__changed__are_put_in_force(tmp_path: Path) -> None:
    """Arrays are printed alike."""
    np.set_printoptions(precision=2)
    path = stored("@numpy.printoptions", tmp_path)

    np.set_printoptions(precision=8)
    put(path, "@numpy.printoptions")

    assert str(np.array([1 / 3])) == "[0.33]"


def test_numpy_errstate__changed__is_put_in_force(tmp_path: Path) -> None:
    """Divisions by zero go on to be ignored."""
    with np.errstate(divide="ignore"):
        path = stored("@numpy.errstate", tmp_path)

    with np.errstate(divide="raise"):
        put(path, "@numpy.errstate")
        found = np.geterr()["divide"]

    assert found == "ignore"


def test_sklearn_config__changed__is_put_in_force(tmp_path: Path) -> None:
    """Frames come out of transformers as the notebook said."""
    import sklearn

    with sklearn.config_context(transform_output="pandas"):
        path = stored("@sklearn.config", tmp_path)

    with sklearn.config_context():
        put(path, "@sklearn.config")
        found = sklearn.get_config()["transform_output"]

    assert found == "pandas"


def test_locale__changed__is_put_in_force(tmp_path: Path) -> None:
    """Each category has its own."""
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "C.UTF-8")
        path = stored("@locale", tmp_path)
        locale.setlocale(locale.LC_TIME, "C")
        put(path, "@locale")

        assert locale.setlocale(locale.LC_TIME) == "C.UTF-8"
    finally:
        locale.setlocale(locale.LC_TIME, before)


def test_decimal__changed__is_put_in_force(tmp_path: Path) -> None:
    """Precision and traps."""
    decimal.getcontext().prec = 5
    path = stored("@decimal", tmp_path)

    decimal.getcontext().prec = 28
    put(path, "@decimal")

    assert str(decimal.Decimal(1) / 3) == "0.33333"


def test_logging__configured__is_put_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Levels, formats and files are those of the notebook; nothing is written twice."""
    baseline = states.Baseline.now()
    log = tmp_path / "log"
    file_handler = logging.FileHandler(log, delay=True)
    file_handler.addFilter(logging.Filter("shop"))
    stream_handler = logging.StreamHandler(sys.stdout)
    stream_handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.root.addHandler(stream_handler)
    logging.root.addHandler(file_handler)
    logging.getLogger("shop").setLevel(logging.DEBUG)
    logging.getLogger("shop.quiet").addHandler(logging.NullHandler())
    path = stored("@logging", tmp_path, baseline)

    logging.getLogger("shop").setLevel(logging.NOTSET)
    put(path, "@logging")
    put(path, "@logging")
    logging.getLogger("shop").debug("hello")

    assert capsys.readouterr().out == "shop: hello\n"
    assert log.read_text() == "hello\n"
    for handler in set(logging.root.handlers) - set(baseline.handlers):
        handler.close()


def test_logging__handler_that_nobody_knows__is_refused(tmp_path: Path) -> None:
    """The error names the handler's type and what to do."""
    baseline = states.Baseline.now()
    logging.root.addHandler(logging.handlers.BufferingHandler(5))

    with pytest.raises(UnstorableValueError, match=r"handler of type logging\.handlers"):
        stored("@logging", tmp_path, baseline)


def test_logging__strange_handler_of_a_library__is_left_alone(tmp_path: Path) -> None:
    """Loggers of libraries keep the handlers that importing them made."""
    baseline = states.Baseline.now()
    logger = logging.getLogger("kernelpipe_test_library")
    logger.addHandler(logging.handlers.BufferingHandler(5))
    handlers = list(logger.handlers)

    put(stored("@logging", tmp_path, baseline), "@logging")

    assert logger.handlers == handlers
    logger.handlers.clear()


def test_logging__stream_of_another_kind__is_refused(tmp_path: Path) -> None:
    """A handler that writes to a stream of the user's cannot be described."""
    baseline = states.Baseline.now()
    logging.root.addHandler(logging.StreamHandler(SimpleNamespace(write=print)))  # type: ignore[arg-type]

    with pytest.raises(UnstorableValueError, match=r"logging\.StreamHandler"):
        stored("@logging", tmp_path, baseline)


def test_states__of_any_kind__are_facts_of_the_file(tmp_path: Path) -> None:
    """States appear among the names like any value."""
    facts = dump_group(["@cwd"], {}, tmp_path / "v")

    assert json.dumps(facts["types"]) == '{"@cwd": "builtins.str"}'
