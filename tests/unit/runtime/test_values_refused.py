"""What cannot be stored is refused with the place and a remedy."""

import asyncio
import csv
import gc
import io
import pickle
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tqdm import tqdm

from kernelpipe.runtime.links import Links
from kernelpipe.runtime.unstorable import UnstorableValueError, refusal
from kernelpipe.runtime.values import dump_group, load_group, read_values


def items() -> Iterator[int]:
    """Yield one number."""
    yield 1


async def answer() -> int:
    """Return a number."""
    return 1


def closed_coroutine() -> object:
    """Return a coroutine that nobody must await."""
    coroutine = answer()
    coroutine.close()
    return coroutine


def opened(stack: ExitStack, make: Callable[[], Any]) -> object:
    """Return a file that ``stack`` closes."""
    return stack.enter_context(make())


def temporary_directory(stack: ExitStack) -> object:
    """Return a directory that goes away with ``stack``."""
    directory = tempfile.TemporaryDirectory()
    stack.callback(directory.cleanup)
    return directory


class Slotted:
    """An object without a dict."""

    __slots__ = ("absent", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Labelled(dict[str, int]):
    """A mapping with attributes."""


def labelled(content: dict[str, int], label: object) -> Labelled:
    """Return a mapping with an attribute."""
    made = Labelled(content)
    made.label = label  # type: ignore[attr-defined]
    return made


class Picky:
    """An object that refuses in its own words."""

    def __reduce__(self) -> str:
        raise TypeError("not me")


def traceback_of_error() -> object:
    """Return a traceback."""
    try:
        int("a")
    except ValueError as error:
        return error.__traceback__


def with_empty_cell(lock: object) -> Callable[[], object]:
    """Return a function whose first free variable has no value."""

    def function() -> object:
        return absent, lock

    if not lock:
        absent = 1
    return function


def with_default(lock: object) -> Callable[[], object]:
    """Return a function with an attribute, a default and a closure."""

    def function(value: object = lock) -> object:
        return value, lock

    return function


def refused(value: object, path: Path) -> UnstorableValueError:
    """Return the error that storing ``value`` as 'x' raises."""
    with pytest.raises(UnstorableValueError, match="'x' cannot be stored") as caught:
        dump_group(["x"], {"x": value}, path)
    return caught.value


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(lambda _: items(), "a generator", id="generator"),
        pytest.param(lambda _: closed_coroutine(), "a coroutine", id="coroutine"),
        pytest.param(lambda s: opened(s, Path(__file__).open), "an open file", id="text"),
        pytest.param(
            lambda s: opened(s, partial(Path(__file__).open, "rb")), "an open file", id="binary"
        ),
        pytest.param(lambda s: opened(s, tempfile.TemporaryFile), "an open file", id="temporary"),
        pytest.param(lambda s: opened(s, tempfile.NamedTemporaryFile), "an open file", id="named"),
        pytest.param(lambda s: s.enter_context(socket.socket()), "a socket", id="socket"),
        pytest.param(lambda _: threading.Lock(), "a lock", id="lock"),
        pytest.param(lambda _: threading.RLock(), "a lock", id="rlock"),
        pytest.param(lambda _: threading.Thread(), "a thread", id="thread"),
        pytest.param(lambda _: threading.local(), "thread-local storage", id="local"),
        pytest.param(lambda s: s.enter_context(ThreadPoolExecutor()), "an executor", id="executor"),
        pytest.param(
            lambda s: s.enter_context(subprocess.Popen([sys.executable, "-c", ""])),
            "a process",
            id="process",
        ),
        pytest.param(lambda _: csv.reader(["a"]), "a csv reader", id="csv"),
        pytest.param(lambda _: weakref.ref(Picky), "a weak reference", id="weakref"),
        pytest.param(lambda _: traceback_of_error(), "a traceback", id="traceback"),
        pytest.param(lambda _: sys._getframe(), "a stack frame", id="frame"),
        pytest.param(
            lambda s: s.enter_context(tqdm([1], file=io.StringIO())), "a progress bar", id="tqdm"
        ),
        pytest.param(
            temporary_directory,
            "a temporary directory, which goes away with its step",
            id="directory",
        ),
        pytest.param(
            lambda _: memoryview(b"abc")[1:],
            "a builtins.memoryview that cannot be pickled (RefusedError: a part of a memory view)",
            id="memory",
        ),
    ],
)
def test_dump_group__value_of_a_kind_that_cannot_be_stored__says_what_it_is(
    make: Callable[[ExitStack], object], kind: str, tmp_path: Path
) -> None:
    """The value itself is named, with a hint."""
    with ExitStack() as stack:
        error = refused(make(stack), tmp_path / "v")

    assert (error.path, error.kind) == ("x", kind)
    assert error.hint
    assert not (tmp_path / "v").exists()


def test_dump_group__database__says_what_it_is(tmp_path: Path) -> None:
    """Connections and cursors have hints of their own."""
    connection = sqlite3.connect(":memory:")
    try:
        assert refused(connection, tmp_path / "v").kind == "a database connection"
        assert refused(connection.cursor(), tmp_path / "v").hint == "fetch its rows: list(cursor)"
    finally:
        connection.close()


def test_dump_group__task__says_what_it_is(tmp_path: Path) -> None:
    """A task of asyncio is refused."""

    async def main() -> str:
        return refused(asyncio.current_task(), tmp_path / "v").kind

    assert asyncio.run(main()) == "a task or future"


@pytest.mark.parametrize(
    ("make", "path"),
    [
        pytest.param(lambda lock: [1, {"a": (lock,)}], "x[1]['a'][0]", id="containers"),
        pytest.param(lambda lock: labelled({"a": 1}, lock), "x.label", id="mapping_attribute"),
        pytest.param(lambda lock: SimpleNamespace(handle=lock), "x.handle", id="attribute"),
        pytest.param(lambda _: Slotted(), "x.lock", id="slot"),
        pytest.param(lambda lock: {lock: 1}, "x.keys()[<unlocked", id="key"),
        pytest.param(with_default, "x's variable lock", id="closure"),
        pytest.param(with_empty_cell, "x's variable lock", id="empty_cell"),
        pytest.param(
            lambda lock: with_default(lock).__get__(1), "x.__func__'s variable lock", id="method"
        ),
        pytest.param(
            lambda lock: __import__("functools").partial(print, lock), "x.args[0]", id="partial"
        ),
        pytest.param(lambda lock: type("C", (), {"a": lock}), "x.a", id="class"),
    ],
)
def test_dump_group__lock_inside_a_value__says_where(
    make: Callable[[object], object], path: str, tmp_path: Path
) -> None:
    """The path can be read as an expression."""
    error = refused(make(threading.Lock()), tmp_path / "v")

    assert error.path.startswith(path)
    assert error.kind == "a lock"


def test_dump_group__lock_in_a_set__says_where(tmp_path: Path) -> None:
    """Members of sets have no index; they are shown."""
    error = refused({threading.Lock()}, tmp_path / "v")

    assert error.path.startswith("x{<unlocked")


def test_dump_group__namespace_beside_a_lock__is_not_to_blame(tmp_path: Path) -> None:
    """The value of globals() can always be stored."""
    namespace: dict[str, Any] = {"lock": threading.Lock()}
    namespace["everything"] = namespace

    with pytest.raises(UnstorableValueError, match="'lock' cannot be stored"):
        dump_group(["everything", "lock"], namespace, tmp_path / "v")


def test_dump_group__module_with_a_lock__says_where(tmp_path: Path) -> None:
    """A module made at run time travels by value, so what it holds counts."""
    module = ModuleType("made_here")
    vars(module)["lock"] = threading.Lock()

    assert refused(module, tmp_path / "v").path == "x.lock"


def test_dump_group__collector_off__stays_off(tmp_path: Path) -> None:
    """The user's choice about the garbage collector is kept."""
    gc.disable()
    try:
        dump_group(["x"], {"x": 1}, tmp_path / "v")
        read_values(tmp_path / "v")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_dump_group__function_attributes__are_searched(tmp_path: Path) -> None:
    """A default or an attribute of a function can be what hinders."""
    namespace: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock()}
    exec("def f(a=lock): pass\ndef g(): pass\ng.lock = lock", namespace)  # noqa: S102 - as a cell

    with pytest.raises(UnstorableValueError) as of_default:
        dump_group(["f"], namespace, tmp_path / "v")
    with pytest.raises(UnstorableValueError) as of_attribute:
        dump_group(["g"], namespace, tmp_path / "v")

    assert of_default.value.path == "f.__defaults__[0]"
    assert of_attribute.value.path == "g.lock"


def test_dump_group__object_that_refuses__gives_its_reason(tmp_path: Path) -> None:
    """An unknown kind shows the type and what pickle said."""
    error = refused([Picky()], tmp_path / "v")

    assert error.path == "x[0]"
    assert error.kind.endswith("Picky that cannot be pickled (TypeError: not me)")


def test_dump_group__object_found_in_the_users_module_only_by_name__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickle that refers to __main__ would fail in the next step, so it fails here."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(  # noqa: S102 - as a cell
        "class R:\n  def __reduce__(self): return 'r'\nr = R()",
        vars(main),
    )

    with pytest.raises(UnstorableValueError, match="'r' cannot be stored"):
        dump_group(["r"], vars(main), tmp_path / "v")


def test_dump_group__value_that_only_fails_together__is_reported(tmp_path: Path) -> None:
    """An error while writing that no single value causes is passed on."""

    class Once:
        """Fails the first time."""

        calls = 0

        def __reduce__(self) -> tuple[object, ...]:
            Once.calls += 1
            if Once.calls == 1:
                raise RuntimeError("first")
            return (int, ())

    with pytest.raises(RuntimeError, match="first"):
        dump_group(["x"], {"x": Once()}, tmp_path / "v")


def test_dump_group__refused_value__leaves_an_older_file_alone(tmp_path: Path) -> None:
    """Files are replaced as a whole or not at all."""
    dump_group(["x"], {"x": 1}, tmp_path / "v")

    refused(threading.Lock(), tmp_path / "v")

    assert read_values(tmp_path / "v") == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_unstorable_value_error__with_step_and_cell__names_them() -> None:
    """The message stands alone and survives pickling."""
    error = UnstorableValueError(name="x", path="x[0]", kind="a lock", hint="make a new one")
    error.step, error.cell = "train", 5

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    expected = "step 'train', cell 5: 'x' cannot be stored: x[0] is a lock\n  hint: make a new one"
    assert str(again) == expected
    assert again._render_traceback_() == [f"UnstorableValueError: {expected}"]


def test_refusal__files_in_memory__are_not_refused() -> None:
    """StringIO and BytesIO pickle faithfully."""
    assert refusal(io.StringIO) is None
    assert refusal(io.BytesIO) is None


def test_dump_group__loggers_and_files_in_memory__are_stored(tmp_path: Path) -> None:
    """What pickles faithfully is not refused because of its family."""
    text = io.StringIO("abc")
    text.seek(1)

    dump_group(["x"], {"x": text}, tmp_path / "v")

    assert read_values(tmp_path / "v")["x"].read() == "bc"


def test_links__key_without_object_or_copy__fails_with_the_cell(tmp_path: Path) -> None:
    """A reference that nothing resolves names what is missing."""
    namespace: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock()}
    exec("class C:\n  guard = lock\nc = C()", namespace)  # noqa: S102 - as a cell
    links = Links(namespace)
    links.register({"C": 2})
    dump_group(["c"], namespace, tmp_path / "v", links=links)

    with pytest.raises(Exception, match="setup defines no 'C' here, and no copy came along"):
        load_group(tmp_path / "v", ["c"], {"__name__": "__main__"})
