"""Kernels on this machine: which one a notebook gets, where its sockets are, how it is stopped."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.kernelspecs import read_kernelspec

DEFAULT_KERNEL = "python3"
_SOCKET_PATH_BYTES = 100
"""Longest path of a Unix socket that every system takes, with room for its number."""

_SHELL = "/bin/sh"
_GUARD_SCRIPT = 'read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2"'
_END_TIMEOUT_S = 5.0
"""How long a kernel that was asked to end may take, its ``atexit`` functions included."""


def installed_kernel(name: str | None) -> tuple[str, str | None]:
    """Return the kernel to use for a notebook that asks for ``name``, and what to tell about it.

    Returns:
        The kernelspec's name and None, or the default kernel's and why it is used instead.
    """
    if name is None or name == DEFAULT_KERNEL:
        return DEFAULT_KERNEL, None
    if read_kernelspec(name) is None:
        return (
            DEFAULT_KERNEL,
            f"the notebook's kernel '{name}' is not installed here; using '{DEFAULT_KERNEL}'",
        )
    return name, None


def describe_end(code: int | None) -> str:
    """Return how a process with this exit code ended: "exit code 3", "killed by SIGSEGV".

    Args:
        code: Negative for a signal, None if unknown, which gives "".
    """
    if code is None:
        return ""
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (
        ", which is what happens when memory runs out" if name == "SIGKILL" else ""
    )


class Kernel:
    """One kernel process in its own process group, with a directory for its sockets.

    ``manager`` is jupyter_client's asynchronous manager; only the step's own thread uses it. The
    signal methods may be called from any thread and do nothing when no process is there.
    """

    def __init__(self, name: str) -> None:
        from jupyter_client.manager import AsyncKernelManager

        self._directory = Path(tempfile.mkdtemp(prefix="kp-"))
        settings: dict[str, Any] = {"connection_file": str(self._directory / "kernel.json")}
        sockets = str(self._directory / "s")
        # Sockets in the file system cannot clash between parallel kernels and are private to the
        # user; ports of 127.0.0.1 are neither, and ipykernel warns about them.
        if hasattr(os, "getuid") and len(os.fsencode(sockets)) < _SOCKET_PATH_BYTES:
            settings |= {"transport": "ipc", "ip": sockets}
        self.manager: Any = AsyncKernelManager(kernel_name=name, **settings)
        self._guard: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None

    def start_beforehand(self, env: Mapping[str, str], working_directory: Path) -> None:
        """Start the process before it is known which step it is for.

        Args:
            env: All variables of the process.
            working_directory: Of the process.

        Raises:
            OSError: If it cannot be started.
            RuntimeError: Likewise.
        """
        import asyncio  # noqa: PLC0415 - slow to import

        self._log = self._directory / "log"
        with self._log.open("wb") as log:
            asyncio.run(
                self.manager.start_kernel(
                    extra_arguments=["--HistoryManager.hist_file=:memory:"],
                    env=dict(env),
                    cwd=str(working_directory),
                    stdout=log,
                    stderr=log,
                )
            )
        self.manager._ready = None  # noqa: SLF001 - it belongs to the loop that is closed now
        self.guard()

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        process = getattr(self.manager.provisioner, "process", None)
        return process is not None and process.poll() is None

    def discard(self) -> None:
        """End a kernel that no step has used; not in a thread whose event loop runs."""
        import asyncio  # noqa: PLC0415 - slow to import

        self._log = None
        process = getattr(self.manager.provisioner, "process", None)
        self.close()
        if process is not None:
            process.wait()
        asyncio.run(self.manager.cleanup_resources())

    def guard(self) -> None:
        """Have the started kernel end with this process, however that ends.

        ipykernel looks once a second whether its parent is still there. That covers the start;
        but its children would live on, and so would a kernel that computes without a pause. So a
        shell waits for this process's end of a pipe to close, which even SIGKILL does.
        """
        group = self.group
        if group is None or self._guard is not None or not Path(_SHELL).exists():
            return
        self._guard = subprocess.Popen(  # noqa: S603 - a constant script, numbers, our own path
            [_SHELL, "-c", _GUARD_SCRIPT, "kernelpipe-guard", str(group), str(self._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C on the terminal is not for it
            cwd="/",
        )

    def end_without_race(self, client: Any) -> None:
        """Let ``client`` (nbclient's) end the kernel the way that cannot hang.

        jupyter_client interrupts and then asks on the control channel; ipykernel 7 answers in a
        thread of its own while its main thread is already closing what that thread waits for, and
        now and then hangs for 10 s. Asked on the shell channel it does both in one thread.
        """
        usual = self.manager.shutdown_kernel

        async def shutdown_kernel(*, now: bool = False, restart: bool = False) -> None:
            if not now and client.kc is not None:
                request = client.kc.session.msg("shutdown_request", {"restart": restart})
                client.kc.shell_channel.send(request)
                await self._wait_for_end()
            if await self.manager.is_alive():
                await usual(now=now, restart=restart)

        self.manager.shutdown_kernel = shutdown_kernel

    async def _wait_for_end(self) -> None:
        import asyncio  # noqa: PLC0415 - slow to import

        give_up_at = time.monotonic() + _END_TIMEOUT_S
        pause_s = 0.002
        while await self.manager.is_alive() and time.monotonic() < give_up_at:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.02)

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the running cell."""
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        """Ask every process of the group to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End every process of the group at once."""
        self._signal(signal.SIGKILL)

    def describe_end(self) -> str:
        """Return how the process ended, for example "killed by SIGSEGV"; "" if unknown."""
        process = getattr(self.manager.provisioner, "process", None)
        return describe_end(None if process is None else process.poll())

    def close(self) -> None:
        """End what is left of the group (children of cells) and remove the sockets."""
        self.kill()
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
        if self._log is None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def keep_log(self, target: Path) -> None:
        """Copy what the process itself wrote to ``target``, if it was started beforehand."""
        if self._log is None:
            return
        shutil.copyfile(self._log, target)
        self._log = None
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def group(self) -> int | None:
        """The process group, None as long as there is none."""
        provisioner = self.manager.provisioner
        return None if provisioner is None else provisioner.pgid

    @property
    def pid(self) -> int | None:
        """The kernel's process, None as long as there is none."""
        provisioner = self.manager.provisioner
        return None if provisioner is None else provisioner.pid

    def _signal(self, number: int) -> None:
        group = self.group
        if group is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)


class KernelPool:
    """Starts kernels before steps need them; may be used from several threads.

    Only once a first kernel was taken, and then as many as are in use, so that a command whose
    steps are all forked never starts one. What is left over ends with :meth:`close`.
    """

    def __init__(self, name: str, *, working_directory: Path, most: int) -> None:
        """Prepare; nothing starts.

        Args:
            name: Of an installed kernelspec.
            working_directory: Of the kernels.
            most: How many kernels may wait to be used.
        """
        self._name = name
        self._working_directory = working_directory
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[frozenset[tuple[str, str]], list[Future[Kernel | None]]] = {}
        self._is_closed = False

    def take(self, env: Mapping[str, str]) -> "Kernel":
        """Return a kernel for a step with these variables, and start the next one for another.

        Args:
            env: All variables of the kernel's process.
        """
        key = frozenset(env.items())
        with self._lock:
            futures = self._waiting.setdefault(key, [])
            first = futures.pop(0) if futures else None
            is_room = sum(map(len, self._waiting.values())) < self._most
            if is_room and not self._is_closed:
                futures.append(self._start(env))
        kernel = None if first is None else first.result()
        if kernel is not None and kernel.is_alive():
            return kernel
        if kernel is not None:
            kernel.discard()
        return Kernel(self._name)

    def close(self) -> None:
        """End the kernels that nobody took."""
        with self._lock:
            self._is_closed = True
            left = [future for futures in self._waiting.values() for future in futures]
            self._waiting.clear()
        if left:
            thread = threading.Thread(target=_discard_all, args=(left,), name="unused kernels")
            thread.start()
            thread.join()

    def _start(self, env: Mapping[str, str]) -> "Future[Kernel | None]":
        future: Future[Kernel | None] = Future()

        def work() -> None:
            kernel = Kernel(self._name)
            try:
                kernel.start_beforehand(env, self._working_directory)
            except (OSError, RuntimeError):  # whoever needs a kernel will see why
                kernel.discard()
                future.set_result(None)
            else:
                future.set_result(kernel)

        threading.Thread(target=work, name="next kernel", daemon=True).start()
        return future


def _discard_all(futures: Iterable["Future[Kernel | None]"]) -> None:
    for future in futures:
        kernel = future.result()
        if kernel is not None:
            kernel.discard()
