"""Stores that Python's own garbage collector ends, at any moment."""

import gc
import threading
from pathlib import Path

from kernelpipe.runs import FileDigests, RunStore
from kernelpipe.runs.database import INDEX, shared_index


def test_transaction__caches_are_collected_meanwhile__does_not_wait_for_itself(
    tmp_path: Path,
) -> None:
    """The collector runs in whichever thread allocates, within a transaction, too."""
    store = RunStore(tmp_path)
    store.create(pipeline="n", source=tmp_path / "n.ipynb", parameters="{}", steps=[])
    old = tmp_path / "old.csv"
    old.write_text("1")
    digests = FileDigests(tmp_path, clock=lambda: old.stat().st_mtime + 60)
    assert digests.state(str(old)) is not None
    cycle: list[object] = [digests]
    cycle.append(cycle)
    done = threading.Event()

    def collect() -> None:
        with shared_index(tmp_path / INDEX).transaction("write"):
            gc.collect()
        done.set()

    del digests, cycle
    threading.Thread(target=collect, daemon=True).start()

    assert done.wait(20)
