"""Tests of the processes that do slow work for the server."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.server.workers import Workers

PROGRAM = (
    sys.executable,
    "-c",
    """
import os
import time
from kernelpipe.errors import UsageError
from kernelpipe.server.computing import main

def echo(head, content):
    print("not an answer")
    return {"said": head["said"], "content": content.decode(), "pid": os.getpid()}

def spin(head, content):
    open(head["path"], "w").close()
    while True:
        pass

def wait(head, content):
    open(head["path"] + ".begun", "w").close()
    while not os.path.exists(head["path"]):
        time.sleep(0.01)
    return {}

def refuse(head, content):
    raise UsageError("no", hint="yes")

def fail(head, content):
    raise ValueError("internals")

def die(head, content):
    os._exit(7)

main(locals())
""",
)

Ask = Callable[[Workers], Awaitable[Any]]


def _with_workers(ask: Ask, *, most: int = 2) -> Any:
    """Return what ``ask`` returns; all processes have ended then."""

    async def run() -> Any:
        workers = Workers(timeout_s=60, most=most, program=PROGRAM)
        try:
            return await ask(workers)
        finally:
            workers.close()

    return asyncio.run(run())


async def _exists(path: Path) -> None:
    await asyncio.to_thread(_wait, path.exists)


def _wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ask__request__is_answered_by_another_process() -> None:
    """What a task prints is no part of the answer; lines and half characters are just bytes."""
    status, document = _with_workers(
        lambda workers: workers.ask({"task": "echo", "said": "ä\n"}, "a\nb\r\nä".encode())
    )

    assert status == 200
    assert document.pop("pid") != os.getpid()
    assert document == {"said": "ä\n", "content": "a\nb\r\nä"}


def test_ask__one_after_the_other__is_the_same_process() -> None:
    """Starting one takes longer than most tasks."""

    async def ask(workers: Workers) -> list[int]:
        answers = [await workers.ask({"task": "echo", "said": n}) for n in range(3)]
        return [document["pid"] for _, document in answers]

    assert len(set(_with_workers(ask))) == 1


def test_ask__refusal__has_status_and_message() -> None:
    """A user's mistake is told; the process goes on."""
    assert _with_workers(lambda workers: workers.ask({"task": "refuse"})) == (
        400,
        {"error": {"type": "UsageError", "message": "no\n  hint: yes"}, "diagnostics": []},
    )


def test_ask__our_fault__says_nothing_of_itself() -> None:
    """The log has it."""
    status, document = _with_workers(lambda workers: workers.ask({"task": "fail"}))

    assert status == 500
    assert "internals" not in str(document)


def test_ask__process_dies__is_refused_and_the_next_is_answered() -> None:
    """The code that it ended with helps to find out why."""

    async def ask(workers: Workers) -> Any:
        return [await workers.ask({"task": "die"}), await workers.ask({"task": "echo", "said": 1})]

    died, next_one = _with_workers(ask, most=1)

    assert died[0] == 503
    assert "exit code 7" in died[1]["error"]["message"]
    assert next_one[0] == 200


def test_ask__process_died_while_idle__is_answered() -> None:
    """Nobody notices that the system killed a process meanwhile."""

    async def ask(workers: Workers) -> Any:
        _, document = await workers.ask({"task": "echo", "said": 1})
        os.kill(document["pid"], 9)
        await _ended(document["pid"])
        return await workers.ask({"task": "echo", "said": 2})

    status, document = _with_workers(ask, most=1)

    assert (status, document["said"]) == (200, 2)


def test_ask__takes_too_long__is_refused_and_its_process_is_gone(tmp_path: Path) -> None:
    """It is the notebook's fault: asking again would take as long."""

    async def ask(workers: Workers) -> Any:
        _, before = await workers.ask({"task": "echo", "said": 1})
        workers.timeout_s, patience_s = 0.2, workers.timeout_s
        late = await workers.ask({"task": "spin", "path": str(tmp_path / "begun")})
        workers.timeout_s = patience_s  # the next one has a process to start
        _, after = await workers.ask({"task": "echo", "said": 1})
        return before["pid"], late, after["pid"]

    before, late, after = _with_workers(ask, most=1)

    assert late[0] == 422
    assert late[1]["error"]["message"] == "this notebook took longer than 0.2 s and was given up"
    assert after != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_ask__two_at_once__work_at_the_same_time(tmp_path: Path) -> None:
    """A slow notebook does not hold up another one."""

    async def ask(workers: Workers) -> Any:
        go = tmp_path / "go"
        slow = asyncio.ensure_future(workers.ask({"task": "wait", "path": str(go)}))
        status, _ = await workers.ask({"task": "echo", "said": 1})
        go.touch()
        return status, (await slow)[0]

    assert _with_workers(ask) == (200, 200)


def test_ask__nobody_waits_any_more__is_not_done(tmp_path: Path) -> None:
    """What was given up while it waited for its turn costs nothing."""

    async def ask(workers: Workers) -> Any:
        go = tmp_path / "go"
        slow = asyncio.ensure_future(workers.ask({"task": "wait", "path": str(go)}))
        given_up = asyncio.ensure_future(
            workers.ask({"task": "spin", "path": str(tmp_path / "done")}, is_wanted=lambda: False)
        )
        await _exists(tmp_path / "go.begun")
        go.touch()
        await slow
        return await given_up

    status, _ = _with_workers(ask, most=1)

    assert status == 503
    assert not (tmp_path / "done").exists()


def test_ask__very_many_wait__is_refused_at_once(tmp_path: Path) -> None:
    """Requests do not pile up without end."""

    async def ask(workers: Workers) -> Any:
        go = tmp_path / "go"
        tasks = [
            asyncio.ensure_future(workers.ask({"task": "wait", "path": str(go)}))
            for _ in range(101)
        ]
        await _exists(tmp_path / "go.begun")
        refused = await workers.ask({"task": "echo", "said": 1})
        go.touch()
        return refused, [status for status, _ in await asyncio.gather(*tasks)]

    refused, others = _with_workers(ask, most=1)

    assert refused[0] == 503
    assert "busy" in refused[1]["error"]["message"]
    assert others == [200] * 101


def test_close__process_at_work__ends(tmp_path: Path) -> None:
    """A server that stops leaves nothing behind."""

    async def ask(workers: Workers) -> Any:
        _, document = await workers.ask({"task": "echo", "said": 1})
        spinning = asyncio.ensure_future(
            workers.ask({"task": "spin", "path": str(tmp_path / "begun")})
        )
        await _exists(tmp_path / "begun")
        workers.close()
        return document["pid"], (await spinning)[0]

    pid, status = _with_workers(ask, most=1)

    assert status == 503
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("task", ["spin", "echo"])
def test_worker__server_is_killed__ends(task: str, tmp_path: Path) -> None:
    """At work or idle, it notices that nobody holds its input."""
    begun = tmp_path / "begun"
    program = f"""
import asyncio, os
from kernelpipe.server.workers import Workers
async def run():
    workers = Workers(timeout_s=60, program={PROGRAM!r})
    _, document = await workers.ask({{"task": "echo", "said": 1}})
    print(document["pid"], flush=True)
    await workers.ask({{"task": {task!r}, "path": {str(begun)!r}, "said": 1}})
    await asyncio.sleep(600)
asyncio.run(run())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        if task == "spin":
            asyncio.run(_exists(begun))
        server.kill()

    asyncio.run(_ended(pid))


async def _ended(pid: int) -> None:
    await asyncio.to_thread(_wait, lambda: _is_ended(pid))


def _is_ended(pid: int) -> bool:
    with suppress(ChildProcessError):  # its parent may be another process, or has noticed
        # All its threads must have gone: before that its parent does not know either.
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"
