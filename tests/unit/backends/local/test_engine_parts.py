"""The parts of the engine that need no kernel: messages, kernelspecs, reasons, memory, outputs."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import kit
import pytest
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from kernelpipe.backends.local.forking.client import ServerSettings, settings_for
from kernelpipe.backends.local.forking.outputs import Outputs
from kernelpipe.backends.local.forking.reasons import kernel_reason
from kernelpipe.backends.local.forking.wire import PACKET_BYTES, Assembler, send_parts
from kernelpipe.backends.local.kernelspecs import read_kernelspec
from kernelpipe.backends.local.memory_limit import group_members, memory_bytes


def packets(*messages: list[bytes]) -> list[bytes]:
    """Return the packets that messages are sent as."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found = []
    with left, right:
        right.setblocking(False)
        for message in messages:
            send_parts(left, message)
            while True:
                try:
                    found.append(right.recv(PACKET_BYTES))
                except BlockingIOError:
                    break
    return found


@pytest.mark.parametrize(
    "message",
    [
        pytest.param([], id="nothing"),
        pytest.param([b""], id="empty-part"),
        pytest.param([b"iopub", b"", b"x" * 100_000], id="two-packets"),
        pytest.param([b"x" * 65528], id="one-packet-exactly"),
    ],
)
def test_wire__any_message__arrives_whole(message: list[bytes]) -> None:
    """Parts keep their number and content."""
    assembler = Assembler()

    found = [assembler.add(packet) for packet in packets(message)]

    assert found[-1] == message
    assert found[:-1] == [None] * (len(found) - 1)


def test_wire__messages_in_turn__are_kept_apart() -> None:
    """Threads and forks share a socket; the half of a message that was cut off is forgotten."""
    first, second = [b"a" * 100_000], [b"b" * 100_000]
    one, other, three, four = packets(first, second)
    assembler = Assembler()

    found = [assembler.add(packet) for packet in (one, three, four, other)]

    assert found == [None, None, second, first]


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory in JUPYTER_PATH, with an empty user's directory."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "path"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    return tmp_path


def install(place: Path, name: str, **content: Any) -> None:
    """Write a kernelspec."""
    directory = place / "kernels" / name
    directory.mkdir(parents=True)
    spec = {"argv": [str(place)], "display_name": name, "language": "python"} | content
    (directory / "kernel.json").write_text(json.dumps(spec))


@pytest.mark.parametrize("prefer", ["0", "1", "no", None])
@pytest.mark.parametrize("places", [(), ("user",), ("path",), ("user", "path")])
def test_read_kernelspec__anywhere__is_what_jupyter_client_finds(
    places: tuple[str, ...], prefer: str | None, jupyter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same place wins."""
    if prefer is not None:
        monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", prefer)
    for place in places:
        install(jupyter / place, "Python3")
        install(jupyter / place, "own")

    for name in ("python3", "own"):
        try:
            expected = KernelSpecManager().get_kernel_spec(name).argv
        except NoSuchKernel:
            expected = None
        found = read_kernelspec(name)
        assert (None if found is None else list(found.argv)) == expected


def test_read_kernelspec__variables__are_filled_in(jupyter: Path) -> None:
    """As jupyter_client does, what is not known stays."""
    install(jupyter / "path", "own", env={"A": "${HOME}/x", "B": "$NOPE"})

    found = read_kernelspec("own")

    assert found is not None
    assert found.environment({"HOME": "/h"}) == {"A": "/h/x", "B": "$NOPE"}


@pytest.mark.parametrize(
    ("content", "special"),
    [
        ({"interrupt_mode": "message"}, "its kernel is interrupted by messages"),
        (
            {"metadata": {"kernel_provisioner": {"provisioner_name": "x"}}},
            "its kernel is started by a provisioner",
        ),
    ],
)
def test_read_kernelspec__needs_jupyter_client__says_why(
    content: dict[str, Any], special: str, jupyter: Path
) -> None:
    """Such kernels are started by jupyter_client alone."""
    install(jupyter / "path", "own", **content)

    found = read_kernelspec("own")

    assert found is not None
    assert found.special == special


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(
            ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            (("/our/python",), ("-f", "/c.json", "--HistoryManager.hist_file=:memory:")),
            id="usual",
        ),
        pytest.param(
            ["/env/bin/python3", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "x"],
            (
                ("/env/bin/python3", "-Xfrozen_modules=off"),
                ("-f", "x", "--HistoryManager.hist_file=:memory:"),
            ),
            id="other-environment",
        ),
        pytest.param(
            ["python", "-O", "-m", "ipykernel_launcher"],
            "its kernel is started with -O",
            id="option",
        ),
        pytest.param(
            ["conda", "run", "python", "-m", "ipykernel_launcher"],
            "its kernel is started with run python",
            id="wrapper",
        ),
        pytest.param(
            ["python", "-m", "xeus"],
            "its kernel is not started as 'python -m ipykernel_launcher'",
            id="other-kernel",
        ),
    ],
)
def test_settings_for__kernelspec__is_understood_or_refused(argv: list[str], expected: Any) -> None:
    """Only what certainly starts ipykernel in a plain interpreter is forked."""
    found = settings_for(
        argv=argv,
        runtime=Path("/r"),
        modules=(),
        working_directory=Path("/w"),
        connection_file="/c.json",
        executable="/our/python",
    )

    if isinstance(found, ServerSettings):
        assert (found.python, found.arguments) == expected
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("%matplotlib inline", None),
        ("%matplotlib", None),
        ("# %connect_info", None),
        ("%connect_info", "it looks at its connection"),
        ("x = 1\n%matplotlib qt", "its matplotlib backend is interactive"),
        ("%gui qt", "it runs the event loop of a window system"),
        ("import ipyparallel as ipp", "it uses the kernel's sockets"),
    ],
)
def test_kernel_reason__cell__is_found(source: str, reason: str | None, tmp_path: Path) -> None:
    """Only sockets and event loops are missing from a forked step."""
    kit.write(tmp_path / "n.ipynb", kit.markdown("%gui qt"), kit.code("1"), kit.code(source))

    assert kernel_reason(tmp_path / "n.ipynb") == reason


def test_memory_bytes__several_processes__counts_shared_memory_once() -> None:
    """A fork shares what it does not change: four of them do not use four times as much."""
    program = (
        "import os, sys, time\nx = bytearray(200 << 20)\n"
        "children = []\n"
        "for _ in range(3):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        sys.stdin.read()\n"
        "        os._exit(0)\n"
        "print('ready', flush=True)\nsys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    pids = set(group_members(process.pid))
    rough = memory_bytes(pids, limit_bytes=1 << 60)
    exact = memory_bytes(pids, limit_bytes=100 << 20)
    process.communicate()

    assert len(pids) == 4
    assert rough > 780 << 20
    assert 200 << 20 < exact < 300 << 20


def test_outputs__unknown_message__changes_nothing() -> None:
    """The notebook's reader logs it and goes on."""
    cells: list[Any] = [{"outputs": [], "metadata": {"execution": {}}}]
    outputs = Outputs(cells, lambda *_: None)
    header = {"msg_type": "something_new", "date": "2026-01-01T00:00:00Z"}

    found = outputs.take({"header": header, "parent_header": {}, "content": {}}, 0)

    assert found is None
    assert cells == [{"outputs": [], "metadata": {"execution": {}}}]


def test_engine__import__loads_no_jupyter() -> None:
    """The forked path costs no imports in the command's process."""
    program = (
        "import sys\nfrom kernelpipe.backends.local.engine import Engine\n"
        "names = ('papermill', 'nbformat', 'nbclient', 'jupyter_client', 'jupyter_core', 'IPython',"
        " 'asyncio', 'zmq')\n"
        "print([n for n in names if n in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )

    assert ended.stdout == "[]\n"
