"""Watches how much memory the processes of one step use, and how much they have used."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PERIOD_S = 0.025
_SEARCH_EVERY = 8
"""New processes of the group are looked for every so many periods."""
_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the processes of a step used; None where the system does not tell.

    ``engine`` says what executed it: "forked" or "kernel"; ``peak_bytes`` is the greatest resident
    size of one process.
    """

    engine: str
    wall_s: float
    cpu_s: float | None
    peak_bytes: int | None


class MemoryLimit:
    """Ends a step's processes when they use too much memory together; Linux only.

    Use as a context manager around the execution; ``exceeded`` tells afterwards how many bytes
    were in use when the limit was exceeded, None if it never was.
    """

    def __init__(
        self,
        limit_bytes: int | None,
        *,
        group: Callable[[], int | None],
        kill: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            limit_bytes: None to watch nothing.
            group: Returns the process group, None as long as there is none.
            kill: Ends all its processes.
        """
        self.exceeded: int | None = None
        self._limit_bytes = limit_bytes
        self._group = group
        self._kill = kill
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._limit_bytes is not None and Path("/proc/self/status").exists():
            self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        assert self._limit_bytes is not None  # noqa: S101 - there would be no thread
        pids: set[int] = set()
        turn = 0
        while not self._is_over.wait(_PERIOD_S):
            group = self._group()
            if group is None:
                continue
            if turn % _SEARCH_EVERY == 0:
                pids = set(group_members(group))
            turn += 1
            used = memory_bytes(pids, limit_bytes=self._limit_bytes)
            if used > self._limit_bytes:
                self.exceeded = used
                self._kill()
                return


def memory_bytes(pids: set[int], *, limit_bytes: int) -> int:
    """Return how much memory processes use that only they can give back.

    The sizes of single processes count what a fork shares in each of them. So if their sum is
    over the limit, what is shared is told apart, which takes longer.
    """
    sizes = {pid: _private_bytes(f"/proc/{pid}/status") for pid in pids}
    total = sum(sizes.values())
    if total <= limit_bytes or sum(size > 0 for size in sizes.values()) == 1:
        return total
    shares = sum(_proportional_bytes(pid) for pid in pids)
    return max(shares, *sizes.values())


def group_members(group: int) -> Iterator[int]:
    """Yield the processes of a group."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names
        if entry.isdigit():
            fields = _stat_fields(int(entry))
            if fields and int(fields[2]) == group:
                yield int(entry)


def cpu_seconds(pid: int) -> float | None:
    """Return the CPU time of a process and of its children that were waited for."""
    fields = _stat_fields(pid)
    if not fields:
        return None
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int | None:
    """Return the greatest resident size of a process so far."""
    return _sizes(f"/proc/{pid}/status").get("VmHWM")


def forget_peak(pid: int) -> None:
    """Let :func:`peak_bytes` begin anew, where the system allows it."""
    try:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123 - fast
            file.write("5")
    except OSError:
        return


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of a process from its state on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - fast
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []


def _private_bytes(path: str) -> int:
    sizes = _sizes(path)
    return sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)


def _proportional_bytes(pid: int) -> int:
    sizes = _sizes(f"/proc/{pid}/smaps_rollup")
    return sizes.get("Pss_Anon", 0) + sizes.get("Pss_Shmem", 0)


def _sizes(path: str) -> dict[str, int]:
    """Return the sizes in a file of /proc in bytes, {} when the process is gone."""
    found = {}
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - fast
            for line in file:
                name, _, text = line.partition(":")
                if text.endswith(" kB\n"):
                    found[name] = int(text.split()[0]) * _KIB
    except (OSError, ValueError):
        return {}
    return found
