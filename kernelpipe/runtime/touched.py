"""Records what a step touches: files, directories, environment variables, and what escapes us.

``result.json`` gets, as ``touched``:

- ``reads``: [path, signature] of each file at its first use, null where nothing was;
- ``writes``: paths that the step changed, made or removed;
- ``listings``: [path, digest of the names] of each directory that was listed;
- ``kinds``: [path, "is:file" or "is:dir"] where the step asked only whether something is there,
  and of directories that it made;
- ``environment``: [name, SHA-256 of the value or null] of variables that the user's code read;
- ``unseen``: texts about what it may depend on that cannot be watched.

What Python itself does not tell is not seen: ``os.stat`` and ``os.access`` called directly (those
of ``os.path`` and ``pathlib`` are), files that a database attaches, and what libraries written in C
open, as far as ``touched_unseen`` does not know them.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from . import touched_lookups
from .touched_environment import Environment
from .touched_files import Files
from .touched_places import Places, skip
from .touched_unseen import Unseen, used_code

Handler = Callable[[tuple[Any, ...], FrameType], None]

_handlers: dict[str, Handler] = {}
"""Event -> what notes it; empty while nothing is recorded."""
_busy: set[int] = set()
"""Threads in which our own code runs."""
_hooked: list[bool] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    handler = _handlers.get(event)
    if handler is not None:
        call(handler, args, sys._getframe(1))  # noqa: SLF001 - tells who does it


def call(handler: Handler, args: tuple[Any, ...], frame: FrameType) -> None:
    """Call ``handler`` unless our own code is what it would note."""
    thread = threading.get_ident()
    if thread in _busy:
        return
    _busy.add(thread)
    try:
        handler(args, frame)
    except Exception as error:  # noqa: BLE001 - an edge: it must not fail the user's code
        _current[0].unseen.add(f"something could not be watched ({type(error).__name__}: {error})")
    finally:
        _busy.discard(thread)


class Recording:
    """What one step touches, from its making until :meth:`stop`."""

    def __init__(self, call: Mapping[str, Any], namespace: dict[str, Any], runtime: str) -> None:
        """Begin to record; ``call`` is call.json, ``runtime`` the runtime's directory."""
        directory = str(Path(call["result"]).parent)
        own = [directory, runtime, str(Path(__file__).parent), *_own_places(call)]
        self._places = Places(namespace, own)
        self._namespace = namespace
        self._spill = Path(directory, f"touched.{os.getpid()}")
        self._imports: list[str] = []
        self.unseen = Unseen()
        self.files = Files(self._places, self.unseen.add)
        self.environment = Environment(self._places.is_user_frame)
        _current[:] = [self]
        if not _hooked:
            _hooked.append(True)
            sys.addaudithook(_hook)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_after_fork)
        self.resume()

    def resume(self) -> None:
        """Record again after a pause."""
        self.environment.install()
        touched_lookups.install(self._look_up, self._use)
        files, unseen = self.files, self.unseen
        _handlers.update(
            {
                "open": files.opened,
                "os.listdir": files.listed,
                "os.scandir": files.listed,
                "os.remove": files.removed_file,
                "os.rmdir": files.removed_file,
                "os.rename": files.renamed,
                "os.link": files.linked,
                "os.symlink": files.linked,
                "os.truncate": files.truncated,
                "os.mkdir": files.made_directory,
                "os.chdir": files.moved,
                "sqlite3.connect": files.connected,
                "ctypes.dlopen": files.loaded_library,
                "import": self._imported,
                "socket.connect": unseen.connected,
                "socket.sendto": unseen.connected,
                "socket.getaddrinfo": unseen.resolved,
                "socket.gethostbyname": unseen.resolved,
                "urllib.Request": unseen.requested,
                "subprocess.Popen": unseen.started,
                "os.posix_spawn": unseen.started,
                "os.exec": unseen.started,
                "os.spawn": lambda args, frame: unseen.started(args[1:], frame),
                "os.startfile": unseen.commanded,
                "os.system": unseen.commanded,
            }
        )

    def pause(self) -> None:
        """Record nothing, and leave nothing of ours in other modules."""
        _handlers.clear()
        touched_lookups.remove()
        self.environment.remove()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing meanwhile."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def summary(self, document: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Return what was touched until now, each list sorted; recording must be paused."""
        self._merge_forked()
        self.files.note_sources()
        self.files.note_missing_modules(self._imports)
        self.unseen.note_readers(_cells(document), self._namespace)
        self.unseen.note_modules(self._module_sources())
        if os.name == "nt":
            self.unseen.add("files cannot be watched on Windows")
        return {
            **self.files.summary(),
            "environment": [list(item) for item in sorted(self.environment.read.items())],
            "unseen": sorted(self.unseen.texts),
        }

    def is_local(self, module: ModuleType) -> bool:
        """Tell whether a module is neither installed nor part of Python."""
        file = getattr(module, "__file__", None)
        is_file = isinstance(file, str) and getattr(module, "__name__", "") != "__main__"
        return is_file and not self._places.is_left_out(str(Path(str(file)).absolute()))

    def facts(self) -> dict[str, Any]:
        """Return everything that is known, as JSON; recording must be paused."""
        self._merge_forked()
        return {
            "files": self.files.facts(),
            "environment": self.environment.read,
            "set": sorted(self.environment.own),
            "unseen": list(self.unseen.texts),
            "imports": self._imports,
        }

    def take_over(self, facts: Mapping[str, Any]) -> None:
        """Go on from the facts of the process that this one replaces."""
        self.files.take_over(facts["files"])
        self.environment.read.update(facts["environment"])
        self.environment.own.update(facts["set"])
        for text in facts["unseen"]:
            self.unseen.add(text)
        self._imports += facts["imports"]

    def _module_sources(self) -> Iterator[str]:
        """Yield the source of local modules."""
        for path in self.files.reads:
            if path.endswith(".py"):
                try:
                    yield Path(path).read_text(encoding="utf-8", errors="replace")
                except OSError:
                    continue

    def _imported(self, args: tuple[Any, ...], frame: FrameType) -> None:
        touched_lookups.install_imported()
        if args[1] is None and self._places.is_user_frame(skip(frame, _IMPORTERS)):
            self._imports.append(args[0])

    def _look_up(self, path: object, frame: FrameType, mode: int | None) -> None:
        call(lambda _, f: self.files.looked_up(path, f, mode=mode), (), frame)

    def _use(self, path: object, frame: FrameType, *, is_write: bool) -> None:
        call(lambda _, f: self.files.used(path, f, is_write=is_write), (), frame)

    # Facts of forked processes travel in files, because their memory is not ours.

    def write_facts(self) -> None:
        """Make a forked process write down its facts at once: it may end in any way."""
        self.files.forked = self._tell
        self.environment.told = lambda name, digest: self._tell("environment", name, digest, 0)
        self.unseen.told = lambda text: self._tell("unseen", text, None, 0)

    def _tell(self, *fact: object) -> None:
        # Opened anew each time: who starts a program may have closed all files.
        with suppress(OSError), Path(f"{self._spill}.{os.getpid()}").open("ab") as file:
            file.write(json.dumps(fact).encode() + b"\n")

    def _merge_forked(self) -> None:
        for path in sorted(self._spill.parent.glob(f"{self._spill.name}.*")):
            for line in path.read_text(encoding="utf-8").splitlines():
                self._merge(*json.loads(line))
            path.unlink()

    def _merge(self, fact: str, path: str, state: Any, when: int) -> None:
        if fact == "environment":
            self.environment.read.setdefault(path, state)
        elif fact == "unseen":
            self.unseen.add(path)
        else:
            self.files.merge(fact, path, state, when)


def _cells(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the source of what the step uses: setup may import more than that."""
    yield from (cell["source"] for cell in document.get("cells", ()))
    yield from (cell["source"] for cell in document.get("tests", ()))
    yield from (used_code(cell["source"]) for cell in document.get("setup", ()))


def _own_places(call: Mapping[str, Any]) -> Iterator[str]:
    """Yield where kernelpipe keeps its files, which may be around the notebook."""
    home = call.get("home")
    if home:
        is_around = Path.cwd().is_relative_to(home)
        parts = ("runs", "values", "runtime", "outbox")
        yield from (str(Path(home, part)) for part in parts) if is_around else (home,)
    if "package" in call:
        yield call["package"]


_IMPORTERS = frozenset({"importlib", "_frozen_importlib", "_frozen_importlib_external"})
_current: list[Recording] = []


def _after_fork() -> None:
    if _handlers:
        _busy.clear()
        _current[0].write_facts()
