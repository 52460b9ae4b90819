"""Tests of telling others how a run went, with a real server on this machine."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kit
import pytest
import records_kit as rk

from kernelpipe import api
from kernelpipe.errors import UsageError
from kernelpipe.model.run import Run, StepError
from kernelpipe.runs import RunStore
from kernelpipe.runs.notifications import (
    Channel,
    chosen_targets,
    describe,
    notify,
    parse_target,
    slack_message,
)

CELL = kit.code("x = lr", "step:train")
HOST = "127.0.0.1"
FAILURE = StepError(cell_index=0, line=3, ename="ValueError", evalue="bad <x> & y")


@dataclass
class Hook:
    """A server that remembers what it is sent."""

    address: str
    received: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    status: int = 200
    is_silent: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """Return a server that answers as it is told, until the test ends."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append((self.path, dict(self.headers), json.loads(body)))
            if found.is_silent.is_set():
                found.release.wait(10)
            self.send_response(found.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            found.received.append((self.path, {}, None))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Write nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    found = Hook(address=f"http://{HOST}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Return the store of the runs."""
    return RunStore(tmp_path / ".kernelpipe")


def _failed(store: RunStore) -> Run:
    """Record a good run and a later one that failed."""
    rk.record(store.home, CELL, parameters={"lr": 0.1})
    return rk.record(
        store.home,
        CELL,
        parameters={"lr": 0.2},
        metrics={"score": float("nan")},
        steps=[rk.step("train", "FAILED", error=FAILURE)],
        state="FAILED",
        at=rk.NOON + 100,
    )


@pytest.mark.parametrize(
    ("text", "channel", "name"),
    [
        pytest.param("https://example.org/a/SECRET", Channel.WEBHOOK, "example.org", id="webhook"),
        pytest.param("slack:https://example.org/s", Channel.SLACK, "example.org", id="slack"),
        pytest.param(
            "https" + "://hooks.slack.com/services/T/B/x",
            Channel.SLACK,
            "hooks.slack.com",
            id="host",
        ),
        pytest.param(
            "https" + "://notslack.com/x", Channel.WEBHOOK, "notslack.com", id="other-host"
        ),
        pytest.param("command: mail -s 'a b' me", Channel.COMMAND, "command 'mail'", id="command"),
    ],
)
def test_parse_target__text__says_how_and_hides_the_path(
    text: str, channel: Channel, name: str
) -> None:
    """The path of an address may be a secret: messages name the host only."""
    target = parse_target(text)

    assert (target.channel, target.name) == (channel, name)


@pytest.mark.parametrize(
    "text",
    [
        "me@example.org",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "slack:",
        "http://",
        "http://example.org:port/",
        "http://example.org/a b",
        "command:",
        "command:echo 'open",
    ],
)
def test_parse_target__nobody__is_refused(text: str) -> None:
    """It is said before a run starts."""
    with pytest.raises(UsageError, match=r"notif|command"):
        parse_target(text)


def test_chosen_targets__option_environment_and_metadata__all_count() -> None:
    """Each is told once."""
    found = chosen_targets(
        ["command:a"],
        {"KERNELPIPE_NOTIFY": "http://example.org/1\n\n  command:b c\n"},
        ["command:a", "http://example.org/2"],
    )

    assert found == ("command:a", "http://example.org/1", "command:b c", "http://example.org/2")
    assert chosen_targets([], {}, "command:a") == ("command:a",)
    assert chosen_targets([], {}) == ()


@pytest.mark.parametrize("metadata", [{"a": 1}, [1], 3, ["mail:me"]])
def test_chosen_targets__metadata_of_another_shape__is_refused(metadata: object) -> None:
    """What cannot be meant is not ignored."""
    with pytest.raises(UsageError, match="notif"):
        chosen_targets([], {}, metadata)


def test_notify__webhook__gets_the_run_and_what_changed(hook: Hook, store: RunStore) -> None:
    """The document is the one that ``runs show --json`` prints, with a text for people."""
    run = _failed(store)

    assert api.notify(run, [f"{hook.address}/x?y=1#z"], store=store) == ()

    ((path, headers, body),) = hook.received
    assert path == "/x?y=1"
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    good = store.load("latest~1").id
    assert body["text"].split("\n") == [
        "churn FAILED in 1 min 15 s",
        "step 'train' failed at cell 0, line 3: ValueError: bad <x> & y",
        f"changed since run {good}, the last that succeeded: parameter lr 0.1 -> 0.2",
        f"run {run.id}",
        f"executed notebook: {run.notebook}",
    ]
    assert body["run"]["run_id"] == run.id
    assert body["run"]["metrics"] == {"score": "NaN"}


def test_notify__slack__gets_blocks_without_markup(hook: Hook, store: RunStore) -> None:
    """What the notebook says cannot mention people or make links."""
    run = _failed(store)

    assert api.notify(run, [f"slack:{hook.address}/services"], store=store) == ()

    ((_, _, body),) = hook.received
    assert set(body) == {"text", "blocks"}
    header, section = body["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": "churn FAILED in 1 min 15 s"},
    }
    assert section["text"]["text"].startswith(
        "step 'train' failed at cell 0, line 3: ValueError: bad &lt;x&gt; &amp; y\n"
    )


def test_slack_message__long_texts__are_cut() -> None:
    """Slack refuses longer ones."""
    header, section = slack_message(["x" * 500, "y" * 5000])["blocks"]  # type: ignore[misc]  # JSON

    assert len(header["text"]["text"]) == 150
    assert len(section["text"]["text"]) == 2900
    assert section["text"]["text"].endswith("y...")


def test_notify__credentials_in_the_address__are_sent_as_a_header(
    hook: Hook, store: RunStore
) -> None:
    """And named in no message."""
    address = hook.address.replace("://", "://me:p%40ss@")
    hook.status = 403

    (message,) = api.notify(_failed(store), [address], store=store)

    ((_, headers, _),) = hook.received
    assert headers["Authorization"] == "Basic bWU6cEBzcw=="
    assert message == "127.0.0.1 was not notified: it answered 403 Forbidden"


@pytest.mark.parametrize(
    ("status", "words"), [(500, "500 Internal Server Error"), (302, "302 Found")]
)
def test_notify__server_refuses__is_a_message(
    status: int, words: str, hook: Hook, store: RunStore
) -> None:
    """It is asked once, and a redirection is not followed: that would lose what is told."""
    hook.status = status

    (message,) = api.notify(_failed(store), [hook.address], store=store)

    assert message == f"127.0.0.1 was not notified: it answered {words}"
    assert len(hook.received) == 1


def test_notify__dead_port__is_a_message(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there; the others are told all the same."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

    found = api.notify(
        _failed(store), [f"http://{HOST}:{port}/SECRET", "command:true"], store=store
    )

    assert found == ("127.0.0.1 was not notified: Connection refused",)


def test_notify__silent_server__is_given_up(hook: Hook, store: RunStore) -> None:
    """The time is bounded, for all targets together."""
    hook.is_silent.set()

    found = notify(
        _failed(store),
        [hook.address, f"{hook.address}/2"],
        store=store,
        document={},
        timeout_s=0.2,
    )

    assert found == ("127.0.0.1 was not notified: no answer within 0 s",) * 2


def test_notify__server_talks_nonsense__is_a_message(store: RunStore) -> None:
    """What answers is no HTTP server."""
    with socket.create_server((HOST, 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"nonsense\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://{HOST}:{server.getsockname()[1]}"
        found = api.notify(_failed(store), [address], store=store)
        thread.join()

    assert found == ("127.0.0.1 was not notified: its answer makes no sense (BadStatusLine)",)


def _program(tmp_path: Path, source: str) -> str:
    path = tmp_path / "my program.py"
    path.write_text(source, encoding="utf-8")
    return f"command:'{sys.executable}' '{path}'"


def test_notify__command__gets_json_and_variables(tmp_path: Path, store: RunStore) -> None:
    """It is started without a shell."""
    out = tmp_path / "out.json"
    command = _program(
        tmp_path,
        "import json, os, sys\n"
        "found = json.load(sys.stdin)\n"
        "names = ('KERNELPIPE_RUN_ID', 'KERNELPIPE_STATE')\n"
        "found['env'] = [os.environ[name] for name in names] + sys.argv[1:]\n"
        f"open({str(out)!r}, 'w').write(json.dumps(found))\n",
    )
    run = _failed(store)

    assert api.notify(run, [f"{command} '$HOME; a'"], store=store) == ()

    told = json.loads(out.read_text())
    assert told["env"] == [run.id, "FAILED", "$HOME; a"]
    assert told["run"]["steps"][0]["error"]["cell"] == 0
    assert told["text"].startswith("churn FAILED")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "import sys; print('x' * 5000, 'no mail', file=sys.stderr); sys.exit(3)",
            " no mail",
            id="fails",
        ),
        pytest.param("import time; time.sleep(60)", "it did not end within 1 s", id="hangs"),
    ],
)
def test_notify__command_that_does_not_work__is_a_message(
    source: str, message: str, tmp_path: Path, store: RunStore
) -> None:
    """One that hangs is killed."""
    command = _program(tmp_path, source)

    (found,) = notify(_failed(store), [command], store=store, document={}, timeout_s=1.0)

    assert found.startswith(f"command ''{sys.executable}'' was not notified: it ")
    assert found.endswith(message)
    assert len(found) < 600


def test_notify__no_such_command__is_a_message(store: RunStore) -> None:
    """The name is in it."""
    (found,) = api.notify(_failed(store), ["command:kernelpipe-no-such-command -x"], store=store)

    assert found == (
        "command 'kernelpipe-no-such-command' was not notified: it cannot be started:"
        " No such file or directory"
    )


def test_notify__no_targets__reads_nothing(tmp_path: Path) -> None:
    """A run without targets costs nothing."""
    (tmp_path / "index.sqlite").write_text("not a database")

    assert notify(rk.record(tmp_path / "h"), [], store=RunStore(tmp_path), document={}) == ()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        pytest.param(
            lambda store: rk.record(store.home, CELL, at=rk.NOON - 50),
            "nothing is known to have changed since run 20261121-115910-",
            id="same",
        ),
        pytest.param(lambda _: None, "run 20261121-", id="first-run"),
    ],
)
def test_notify__nothing_changed__is_said(
    prepare: Callable[[RunStore], object], words: str, hook: Hook, store: RunStore
) -> None:
    """Without a good run before it there is nothing to say."""
    prepare(store)
    run = rk.record(store.home, CELL, state="FAILED")

    assert api.notify(run, [hook.address], store=store) == ()

    assert hook.received[0][2]["text"].split("\n")[1].startswith(words)


def test_notify__many_changes__names_the_first(hook: Hook, store: RunStore) -> None:
    """The message stays short."""
    rk.record(store.home, CELL, parameters={f"p{n}": 1 for n in range(14)})
    run = rk.record(
        store.home,
        CELL,
        parameters={f"p{n}": 2 for n in range(14)},
        state="FAILED",
        at=rk.NOON + 9,
    )

    api.notify(run, [hook.address], store=store)

    assert "parameter p9 1 -> 2; 4 more\n" in hook.received[0][2]["text"]


def test_notify__earlier_runs_cannot_be_read__is_told_all_the_same(
    hook: Hook, tmp_path: Path, store: RunStore
) -> None:
    """What changed is then not known, and that is said."""
    run = _failed(store)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "index.sqlite").write_text("not a database, but long enough to be read as one" * 50)

    assert api.notify(run, [hook.address], store=RunStore(broken)) == ()

    assert (
        "what changed since the last run that succeeded is not known: "
        in (hook.received[0][2]["text"])
    )


def test_describe__good_run__is_short() -> None:
    """State, time, id and notebook."""
    run = Run(
        id="r1",  # type: ignore[arg-type]  # a made-up one
        pipeline="churn",
        source="/churn.ipynb",
        state=rk.RunState.SUCCEEDED,
        started_at=0.0,
        duration_s=2.0,
        directory="/d",
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=(rk.step("a"),),
    )

    assert describe(run, changes=()) == ("churn SUCCEEDED in 2.0 s", "run r1")


def test_describe__step_was_killed__gives_the_reason() -> None:
    """Without an error there is no place."""
    run = Run(
        id="r1",  # type: ignore[arg-type]  # a made-up one
        pipeline="churn",
        source="/churn.ipynb",
        state=rk.RunState.FAILED,
        started_at=0.0,
        duration_s=None,
        directory="/d",
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=(rk.step("a", "FAILED", reason="timeout after 5 s"), rk.step("b", "FAILED")),
        reason="lost: the machine stopped",
    )

    assert describe(run, changes=()) == (
        "churn FAILED: lost: the machine stopped",
        "step 'a' failed: timeout after 5 s",
        "step 'b' failed: it ended early",
        "run r1",
    )
