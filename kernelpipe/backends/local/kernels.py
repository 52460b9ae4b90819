"""Kernels on this machine: which one a notebook gets, where its sockets are, how it is stopped."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

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
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    if name is None or name == DEFAULT_KERNEL:
        return DEFAULT_KERNEL, None
    try:
        KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return (
            DEFAULT_KERNEL,
            f"the notebook's kernel '{name}' is not installed here; using '{DEFAULT_KERNEL}'",
        )
    return name, None


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

    def guard(self) -> None:
        """Have the started kernel end with this process, however that ends.

        ipykernel looks once a second whether its parent is still there. That covers the start;
        but its children would live on, and so would a kernel that computes without a pause. So a
        shell waits for this process's end of a pipe to close, which even SIGKILL does.
        """
        group = self._group()
        if group is None or not Path(_SHELL).exists():
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
        code = None if process is None else process.poll()
        if code is None:
            return ""
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name
        return f"killed by {name}" + (
            ", which is what happens when memory runs out" if name == "SIGKILL" else ""
        )

    def close(self) -> None:
        """End what is left of the group (children of cells) and remove the sockets."""
        self.kill()
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _group(self) -> int | None:
        provisioner = self.manager.provisioner
        return None if provisioner is None else provisioner.pgid

    def _signal(self, number: int) -> None:
        group = self._group()
        if group is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
