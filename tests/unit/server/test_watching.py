"""Tests of telling browsers what changes about runs."""

import asyncio
from pathlib import Path
from typing import Any

import kit
import pytest
import records_kit
from jupyter_events import EventLogger

from kernelpipe.server.homes import Homes
from kernelpipe.server.ledger import Ledger
from kernelpipe.server.paths import ContentsRoot
from kernelpipe.server.watching import EVENT_SCHEMA, Watch, register_schema


class Told:
    """Keeps what it is told; ``refused`` are numbers of events that it fails on."""

    def __init__(self, *refused: int) -> None:
        self.numbers: list[int] = []
        self.enough = asyncio.Event()
        self._refused = refused

    def emit(self, *, schema_id: str, data: dict[str, Any]) -> None:
        """Keep an event's number."""
        assert schema_id == EVENT_SCHEMA
        if data["seq"] in self._refused:
            raise ValueError("refused")
        self.numbers.append(data["seq"])
        self.enough.set()


def _ledger(root: Path) -> Ledger:
    return Ledger(ContentsRoot(root), Homes(root / "homes.json"), server="s")


def _record(home: Path) -> None:
    records_kit.record(home, kit.code("1"))


def test_watch__runs_appear__tells_all_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One event that cannot be sent does not keep back the others."""

    async def check() -> list[int]:
        told = Told(2)
        ledger = _ledger(tmp_path)
        watch = Watch(ledger, told)
        await watch.ask(ledger.list_runs)
        for _ in range(3):
            _record(tmp_path / ".kernelpipe")
        await watch.ask(lambda: ledger.add_home(tmp_path / ".kernelpipe"))
        await watch.ask(ledger.look)
        await watch.stop()
        return told.numbers

    assert asyncio.run(check()) == [1, 3]
    assert "event 2 cannot be sent" in caplog.text


def test_watch__started__finds_homes_and_looks_by_itself(tmp_path: Path) -> None:
    """Nobody has to ask."""
    (tmp_path / "a").mkdir()

    async def check() -> list[int]:
        told = Told()
        ledger = _ledger(tmp_path)
        _record(tmp_path / "a" / ".kernelpipe")
        watch = Watch(ledger, told)
        watch.start(tmp_path)
        await watch.homes_found()
        await watch.ask(ledger.list_runs)
        _record(tmp_path / "a" / ".kernelpipe")
        watch.look_soon()
        await asyncio.wait_for(told.enough.wait(), 30)
        await watch.stop()
        return told.numbers

    assert asyncio.run(check()) == [1]


def test_stop__runs_go_on__says_how_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server's log has one line about them."""
    records_kit.record(tmp_path / ".kernelpipe", state="RUNNING")

    async def check() -> None:
        ledger = _ledger(tmp_path)
        watch = Watch(ledger, Told())
        ledger.add_home(tmp_path / ".kernelpipe")
        await watch.ask(ledger.look)
        await watch.stop()

    asyncio.run(check())

    assert caplog.messages == ["1 run goes on without this server"]


def test_schema__every_kind_of_event__fits(tmp_path: Path) -> None:
    """The event system takes what the ledger makes, and refuses what has no number."""
    logger = EventLogger()
    register_schema(logger)
    register_schema(logger)
    run = records_kit.record(
        tmp_path / ".kernelpipe", steps=[records_kit.step("a", "PENDING")], state="RUNNING"
    )
    Path(run.directory, "events.jsonl").write_text(
        '{"time": 1, "kind": "message", "text": "hm"}\n', encoding="utf-8"
    )
    ledger = _ledger(tmp_path)
    ledger.add_home(tmp_path / ".kernelpipe")
    ledger.look()
    with Path(run.directory, "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(
            '{"time": 1, "kind": "cell_started", "step": "a", "cell": 0}\n'
            '{"time": 1, "kind": "message", "text": "hm"}\n'
        )
    ledger.look()
    (tmp_path / ".kernelpipe").rename(tmp_path / "gone")
    ledger.look()
    events = ledger.take_events()

    for event in events:
        logger.schemas.validate_event(EVENT_SCHEMA, event)

    kinds = [event["kind"] for event in events]
    assert kinds == ["run", "message", "cell", "step", "message", "removed"]
    del events[0]["seq"]
    with pytest.raises(Exception, match="'seq' is a required property"):
        logger.schemas.validate_event(EVENT_SCHEMA, events[0])
