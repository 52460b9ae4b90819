"""Measures what tracking servers that are dead, slow or read-only cost a run."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import notebooks
import peers
from measure import Cost, Line, beside, cost, held, median_cost

OFF = "--no-mlflow"
_NAME = "MLflow out of order"


def measure(folder: Path) -> Iterator[Line]:
    """Compare runs of five half-second steps with one that is not tracked."""
    python = peers.python(peers.WITH_MLFLOW)
    if python is None:
        return
    notebook = notebooks.chain(folder / "n.ipynb", 5, work="time.sleep(0.5)\n")
    homes = (folder / f"home{number}" for number in range(1000))

    def measured(env: Mapping[str, str], *words: str) -> Cost:
        command: list[object] = [python, "-m", "kernelpipe", "run", notebook, *words]
        return median_cost(lambda: cost([*command, "--home", next(homes)], cwd=folder, env=env))

    off = measured({}, OFF)
    yield beside(_NAME, "tracking off", off)
    with _server() as slow:
        ways = {
            "local store": {},
            "dead server": {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
            "server that never answers": {"MLFLOW_TRACKING_URI": slow},
            "read-only directory": {"MLFLOW_TRACKING_URI": "sqlite:////proc/mlflow.db"},
        }
        for way, env in ways.items():
            found = measured(env)
            yield beside(_NAME, way, found)
            yield held(_NAME, "wall: off + 10 %", found.wall_s, 1.1 * off.wall_s, "s")


@contextmanager
def _server() -> Iterator[str]:
    """Take connections and never answer; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held_open: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held_open.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for one in held_open:
            one.close()
