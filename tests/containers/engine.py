"""A container engine of the tests' own: its files, network, mounts and processes are private."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import docker

_UNPACKED: Final = Path(sys.prefix, "containers")
"""Where ``make test`` unpacks the system's packages if no engine is installed."""

_OUTSIDE: Final = """
unshare --mount --net --ipc --pid --mount-proc --fork --kill-child sh -c "$INSIDE"
rm -rf "$DIRECTORY"
find /sys/fs/cgroup -depth -type d -path "*/$(basename "$DIRECTORY")*" -exec rmdir {} ";"
"""
_INSIDE: Final = """
exec 3<&0
mount -t tmpfs tmpfs /run || exit
mount -t tmpfs tmpfs "$DIRECTORY/images" || exit
dockerd --config-file "$DIRECTORY/daemon.json" </dev/null &
engine=$!
{ cat <&3 >/dev/null; kill "$engine"; } &
wait "$engine"
"""
"""The first process of the namespaces: when it ends, the kernel ends all others and unmounts all.
It ends with the engine, and ends that when nobody holds the other end of its input any more. Images
are kept in memory: that takes half the time, and nothing of them can be left."""

_STARTS_WITHIN_S: Final = 60.0
_ENDS_WITHIN_S: Final = 60.0


class NoEngineError(Exception):
    """No containers can be had on this machine; the message says why."""


@contextmanager
def running() -> Iterator[str]:
    """Run an engine without a network and give its address, as DOCKER_HOST has it.

    However this process ends: the engine ends, with all its containers, and its files go.

    Raises:
        NoEngineError: If this machine has no engine, or cannot run it.
    """
    path = _search_path()
    directory = Path(tempfile.mkdtemp(prefix="kernelpipe-containers-"))
    address = _configure(directory)
    libraries = [str(found) for found in _UNPACKED.glob("usr/lib/*-linux-*")]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            ["sh", "-c", _OUTSIDE],
            env={
                "DIRECTORY": str(directory),
                "INSIDE": _INSIDE,
                "LD_LIBRARY_PATH": os.pathsep.join(libraries),
                "PATH": path,
            },
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that an interrupt of the terminal does not reach it
        )
        try:
            if not _answers(address, process):
                log.seek(0)
                said = [line for line in log.read().splitlines() if line.strip()] or ["nothing"]
                raise NoEngineError(f"the container engine does not start here: {said[-1]}")
            _start_container(address)
            yield address
        finally:
            process.communicate(timeout=_ENDS_WITHIN_S)


def _search_path() -> str:
    """Return where the engine's programs are.

    Raises:
        NoEngineError: If there is none, or this user may not run it.
    """
    if os.geteuid() != 0:
        raise NoEngineError("only root can run a container engine of its own")
    own = [str(_UNPACKED / folder) for folder in ("usr/sbin", "usr/bin", "sbin", "bin")]
    path = os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin", *own])
    for program in ("dockerd", "unshare"):
        if shutil.which(program, path=path) is None:
            raise NoEngineError(f"there is no '{program}' (`make containers` gets it on Debian)")
    return path


def _configure(directory: Path) -> str:
    """Write the engine's settings, make what they name, and return the engine's address."""
    address = f"unix://{directory}/engine.sock"
    (directory / "images").mkdir()
    settings = {
        "hosts": [address],
        "data-root": str(directory / "images"),
        "exec-root": "/run/engine",
        "pidfile": "/run/engine.pid",
        "bridge": "none",
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": directory.name,
        "shutdown-timeout": 1,
        "log-level": "error",
    }
    (directory / "daemon.json").write_text(json.dumps(settings), encoding="utf-8")
    return address


def _answers(address: str, process: "subprocess.Popen[str]") -> bool:
    """Wait until the engine answers or has ended, and tell which of the two it was."""
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.settimeout(1.0)
            client.connect(address.removeprefix("unix://"))
            client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            if b" 200 OK" in client.recv(100):
                return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            return False
    raise TimeoutError(f"the container engine does not answer within {_STARTS_WITHIN_S} s")


def _start_container(address: str) -> None:
    """See whether the engine can start a container: one with nothing in it, not even a program.

    Raises:
        NoEngineError: If it fails before that program is looked for.
    """
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    with closing(docker.APIClient(address)) as client:
        client.import_image_from_data(empty.getvalue(), "empty", "1")
        container = client.create_container("empty:1", ["/nothing"], network_disabled=True)
        try:
            client.start(container)
        except docker.errors.APIError as error:
            if 'exec: "/nothing"' not in str(error.explanation):
                raise NoEngineError(f"no container starts here: {error.explanation}") from error
