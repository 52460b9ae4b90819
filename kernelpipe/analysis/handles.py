"""Which calls of libraries give something that belongs to one process and cannot be stored."""

from collections.abc import Mapping

from kernelpipe.analysis.heap import UNSTORABLE, Obj

_LOGGING = (
    "StreamHandler FileHandler NullHandler Handler handlers.MemoryHandler handlers.QueueHandler "
    "handlers.RotatingFileHandler handlers.TimedRotatingFileHandler handlers.WatchedFileHandler"
)
_WORDS = {
    "a lock": "threading.Lock threading.RLock multiprocessing.Lock multiprocessing.RLock",
    "a condition variable": "threading.Condition",
    "a semaphore": "threading.Semaphore threading.BoundedSemaphore",
    "an event of the threading module": "threading.Event",
    "a barrier": "threading.Barrier",
    "a thread": "threading.Thread threading.Timer",
    "thread-local storage": "threading.local",
    "a queue": "queue.Queue queue.LifoQueue queue.PriorityQueue queue.SimpleQueue "
    "multiprocessing.Queue multiprocessing.SimpleQueue multiprocessing.JoinableQueue",
    "a process": "multiprocessing.Process subprocess.Popen",
    "a pool of processes": "multiprocessing.Pool multiprocessing.pool.Pool "
    "multiprocessing.pool.ThreadPool",
    "an executor": "concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor",
    "a socket": "socket.socket",
    "a database connection": "sqlite3.connect",
    "a csv reader": "csv.reader csv.DictReader",
    "a csv writer": "csv.writer csv.DictWriter",
    "a context variable": "contextvars.ContextVar",
    "a weak reference": "weakref.ref",
    "a memory map": "mmap.mmap",
    "a logging handler": " ".join(f"logging.{name}" for name in _LOGGING.split()),
    "a patch that is undone by itself": "unittest.mock.patch unittest.mock.patch.object "
    "unittest.mock.patch.dict unittest.mock.patch.multiple pytest.MonkeyPatch",
}
HANDLES: Mapping[str, str] = {
    dotted: words for words, names in _WORDS.items() for dotted in names.split()
}
"""Dotted name of what makes it -> what it is, in words."""


def described(o: Obj) -> str | None:
    """Return what ``o`` is, in words, if it is of a kind that cannot be stored."""
    found = UNSTORABLE.get(o.kind)
    return found and HANDLES.get(o.dotted or "", found)


def remedy(what: str, consumer: str) -> str:
    """Return what to do about a value that cannot be stored, which step ``consumer`` needs."""
    if "generator" in what:
        return "make a list of it"
    if what in ("a queue", "a csv reader"):
        return "hand on its items as a list"
    return f"make it in step '{consumer}'"
