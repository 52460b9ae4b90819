"""Tests of how much flowed between the steps of a run."""

from pathlib import Path
from typing import Any

import kit
import records_kit
from records_kit import step

from kernelpipe.server.run_edges import with_bytes
from kernelpipe.server.tasks import edges


def _edge(name: str, kind: str, *ports: str) -> dict[str, Any]:
    return {
        "from": name,
        "to": "z",
        "kind": kind,
        "names": ["x"],
        "files": ["a.csv"],
        "ports": list(ports),
    }


def test_with_bytes__values_of_the_run__are_summed(tmp_path: Path) -> None:
    """What is unknown stays unknown; an order edge carries nothing."""
    values = [
        {"port": "p", "digest": "d", "bytes": 10},
        {"port": "q", "digest": "e", "bytes": 5},
    ]
    run = records_kit.record(
        tmp_path / ".kernelpipe",
        kit.code("1"),
        steps=[step("a", facts={"values": values}), step("b", "RUNNING")],
    )

    found = with_bytes(
        [
            _edge("a", "data", "p", "q"),
            _edge("a", "data", "p", "missing"),
            _edge("b", "data", "p"),
            _edge("a", "order"),
        ],
        run,
    )

    assert [edge["bytes"] for edge in found] == [15, None, None, None]
    assert found[0] == {
        "from": "a",
        "to": "z",
        "kind": "data",
        "names": ["x"],
        "files": ["a.csv"],
        "bytes": 15,
    }


def test_edges__of_a_notebook__name_the_files(tmp_path: Path) -> None:
    """Each edge knows the ports that it stands for, and the files that both steps touch."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("x = 1\ny = 2", "step:a"),
        kit.code("print(x)\nopen('b.txt', 'w').close()", "step:b"),
        kit.code("open('b.txt').read()", "step:c"),
    )

    found: Any = edges({"path": str(path)}, b"")["edges"]

    assert found == [
        {"from": "a", "to": "b", "kind": "data", "names": ["x"], "files": [], "ports": ["x"]},
        {
            "from": "b",
            "to": "c",
            "kind": "order",
            "names": [],
            "files": ["b.txt"],
            "ports": [],
        },
    ]
