"""Measures running beside peers and prints one table: `make bench`."""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import notebooks
import peers
import tracking
from measure import (
    PROGRAMS,
    CommandFailedError,
    Cost,
    Line,
    beside,
    cost,
    held,
    median_cost,
    output,
)

KERNELPIPE = Path(sys.executable).parent / "kernelpipe"
POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where measurements work, and the peers that are there."""

    folder: Path

    def run(self, notebook: Path, *words: object) -> Cost:
        """Run a notebook in a home of its own, so that nothing is found."""
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        command = [KERNELPIPE, "run", notebook, "--home", home, tracking.OFF, *words]
        return cost(command, cwd=self.folder)

    def again(self, words: list[object]) -> Cost:
        """Run any command of ours in a home that stays."""
        return cost([KERNELPIPE, *words], cwd=self.folder)


def main() -> None:
    """Measure the parts that are named on the command line, or all of them."""
    parts = sys.argv[1:] or list(PARTS)
    started = time.perf_counter()
    _say(f"{os.cpu_count()} processors, Python {sys.version.split()[0]}; medians")
    _say("wall is the command's, CPU that of all processes that it started")
    _say(_row("benchmark", "way", "measured", "limit", "ok"))
    verdicts = []
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="kernelpipe-bench-") as name:
            try:
                for line in PARTS[part](Bench(folder=Path(name))):
                    ok = {True: "ok", False: "NOT OK", None: ""}[line.is_ok]
                    _say(_row(line.benchmark, line.way, line.measured, line.limit, ok))
                    verdicts.append(line.is_ok)
            except CommandFailedError as error:
                _say(f"{part} could not be measured: {error}")
                verdicts.append(False)
    _say(f"{time.perf_counter() - started:.0f} s; {verdicts.count(False)} limits not kept")


def _row(*words: str) -> str:
    widths = (22, 34, 32, 14, 6)
    return " ".join(f"{word:{width}}" for word, width in zip(words, widths, strict=True)).rstrip()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def five_steps(bench: Bench) -> Iterator[Line]:
    """Five trivial steps in a chain, beside one kernel, papermill and other tools."""
    name = "5 steps, chained"
    chain = notebooks.chain(bench.folder / "chain.ipynb", 5)
    bench.run(chain)
    ours = median_cost(lambda: bench.run(chain), 5)
    yield beside(name, "kernelpipe run", ours)
    papermill = peers.python(peers.PAPERMILL)
    if papermill is not None:
        one_kernel = [papermill, PROGRAMS / "one_kernel.py", chain]
        kernel = median_cost(lambda: cost(one_kernel, cwd=bench.folder), 5)
        yield beside(name, "one kernel (nbclient)", kernel)
        yield held(name, "CPU: 1.25 x one kernel", ours.cpu_s, 1.25 * kernel.cpu_s, "s")
        single = notebooks.chain(bench.folder / "single.ipynb", 1)
        each = median_cost(partial(_papermill_command, papermill, single, bench.folder, 5))
        yield beside(name, "papermill command, 5 times", each)
        yield held(name, "CPU: papermill command / 3", ours.cpu_s, each.cpu_s / 3, "s")
        in_one = [papermill, PROGRAMS / "papermill_in_one_process.py", 5, single, "o#.ipynb", ""]
        api = median_cost(lambda: cost(in_one, cwd=bench.folder))
        yield beside(name, "papermill in one process, 5 times", api)
        yield held(name, "CPU: papermill in one process / 3", ours.cpu_s, api.cpu_s / 3, "s")
    yield from _other_tools(bench, name)


def _papermill_command(python: Path, notebook: Path, folder: Path, count: int) -> Cost:
    words = [python, "-m", "papermill", notebook, "--no-progress-bar"]
    costs = [cost([*words, f"out{number}.ipynb"], cwd=folder) for number in range(count)]
    return Cost(wall_s=sum(one.wall_s for one in costs), cpu_s=sum(one.cpu_s for one in costs))


def _other_tools(bench: Bench, name: str) -> Iterator[Line]:
    """Measure the same chain in tools that do not take notebooks as they are."""
    folder = bench.folder
    home = {"HOME": str(folder), "USER": "bench", "PLOOMBER_STATS_ENABLED": "false"}
    notebooks.ploomber_chain(folder / "ploomber", 5)
    ways = {
        "Kedro (functions)": (peers.KEDRO, ["python", PROGRAMS / "kedro_chain.py"]),
        "Metaflow (functions)": (
            peers.METAFLOW,
            ["python", PROGRAMS / "metaflow_chain.py", "--no-pylint", "run"],
        ),
        "kfp.local (functions)": (peers.KFP, ["python", PROGRAMS / "kfp_local_chain.py", "kfp"]),
        "Ploomber (notebooks)": (peers.PLOOMBER, ["ploomber", "build", "--force"]),
    }
    for way, (peer, words) in ways.items():
        python = peers.python(peer)
        if python is None:
            continue
        command = [python.parent / words[0], *words[1:]]
        cwd = folder / "ploomber" if peer is peers.PLOOMBER else folder
        try:
            yield beside(name, way, median_cost(partial(cost, command, cwd=cwd, env=home)))
        except CommandFailedError as error:
            yield Line(benchmark=name, way=way, measured=f"failed: {error}")


def fifty_steps(bench: Bench) -> Iterator[Line]:
    """Fifty trivial steps in a chain, beside one kernel."""
    name = "50 steps, chained"
    chain = notebooks.chain(bench.folder / "chain.ipynb", 50)
    yield beside(name, "kernelpipe run", median_cost(lambda: bench.run(chain)))
    papermill = peers.python(peers.PAPERMILL)
    if papermill is not None:
        words = [papermill, PROGRAMS / "one_kernel.py", chain]
        yield beside(
            name, "one kernel (nbclient)", median_cost(lambda: cost(words, cwd=bench.folder))
        )


def parallel(bench: Bench) -> Iterator[Line]:
    """Four independent steps that sleep for two seconds."""
    name = "4 x 2 s at once"
    notebook = notebooks.sleeps(bench.folder / "sleeps.ipynb", 4)
    ours = median_cost(lambda: bench.run(notebook, "--jobs", 4))
    yield beside(name, "kernelpipe run --jobs 4", ours)
    papermill = peers.python(peers.PAPERMILL)
    if papermill is None:
        return
    single = notebooks.chain(bench.folder / "single.ipynb", 1)
    words = [papermill, PROGRAMS / "one_kernel.py", single]
    start = median_cost(lambda: cost(words, cwd=bench.folder))
    yield beside(name, "one kernel for a trivial cell", start)
    yield held(name, "wall: 2 s + 1 s + one kernel start", ours.wall_s, 3 + start.wall_s, "s")


def big_values(bench: Bench) -> Iterator[Line]:
    """A 200 MB frame and a 100 MB array from one step to another, beside the raw bytes.

    What crossing takes is the difference between the notebook with two steps and the same cells in
    one step.
    """
    name = "300 MB to the next step"
    crossing = notebooks.boundary(bench.folder / "crossing.ipynb", is_crossed=True)
    inside = notebooks.boundary(bench.folder / "inside.ipynb", is_crossed=False)
    raw: list[object] = [sys.executable, PROGRAMS / "raw_bytes.py", notebooks.BIG_BYTES, "raw"]
    differences, raws = [], []
    bench.run(inside)
    for _ in range(5):  # in turns, so that what else the machine does hits all of them
        differences.append(bench.run(crossing).wall_s - bench.run(inside).wall_s)
        raws.append(float(output(raw, cwd=bench.folder)))
    limit, measured = statistics.median(raws), statistics.median(differences)
    yield Line(benchmark=name, way="write and read the raw bytes", measured=f"{limit:.2f} s wall")
    yield held(name, "wall: 2 x the raw bytes", measured, 2 * limit, "s")


def nothing_changed(bench: Bench) -> Iterator[Line]:
    """The same run again, beside the help text of the command."""
    name = "nothing changed"
    chain = notebooks.chain(bench.folder / "chain.ipynb", 5)
    run: list[object] = ["run", chain, "--home", bench.folder / "home", tracking.OFF]
    bench.again(run)
    found = bench.again(run)
    again, text = [], []
    for _ in range(15):
        again.append(bench.again(run).wall_s)
        text.append(bench.again(["--help"]).wall_s)
    yield beside(name, "kernelpipe run, all found", found)
    measured, limit = statistics.median(again), statistics.median(text)
    yield Line(benchmark=name, way="kernelpipe --help", measured=f"{limit * 1000:.0f} ms wall")
    yield held(name, "wall: 2 x kernelpipe --help", measured * 1000, 2000 * limit, "ms")


def sweep(bench: Bench) -> Iterator[Line]:
    """A sweep over a parameter of the last of five steps, beside papermill once per point."""
    name = f"{POINTS}-point sweep"
    notebook = notebooks.sweep(bench.folder / "sweep.ipynb")
    grid = "lr=" + ",".join(str(number / 10) for number in range(POINTS))

    home = bench.folder / "home"
    words: list[object] = ["batch", notebook, "--grid", grid, "--home", home, tracking.OFF]

    def batch() -> Cost:
        shutil.rmtree(home, ignore_errors=True)
        return bench.again(words)

    ours = median_cost(batch)
    yield beside(name, "kernelpipe batch", ours)
    papermill = peers.python(peers.PAPERMILL)
    if papermill is None:
        return
    program = PROGRAMS / "papermill_in_one_process.py"
    many = [papermill, program, POINTS, notebook, "o#.ipynb", "lr"]
    theirs = median_cost(lambda: cost(many, cwd=bench.folder))
    yield beside(name, f"papermill in one process, {POINTS} times", theirs)
    yield held(name, "CPU: papermill / 5", ours.cpu_s, theirs.cpu_s / 5, "s")


def memory(bench: Bench) -> Iterator[Line]:
    """How much memory the command's own process has while 500 steps run."""
    name = "memory, 500 steps"
    chain = notebooks.chain(bench.folder / "chain.ipynb", 500)
    growths, lasts = [], []
    for number in range(3):
        home = bench.folder / f"home{number}"
        words = [sys.executable, PROGRAMS / "parent_memory.py", chain, home]
        megabytes = json.loads(output(words, cwd=bench.folder))
        growths.append(megabytes[-1] - megabytes[49])
        lasts.append(megabytes[-1])
    yield Line(
        benchmark=name, way="after the last step", measured=f"{statistics.median(lasts):.0f} MB"
    )
    yield held(name, "grown since step 50", statistics.median(growths), 5, "MB")


PARTS: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "five": five_steps,
    "fifty": fifty_steps,
    "parallel": parallel,
    "values": big_values,
    "again": nothing_changed,
    "sweep": sweep,
    "memory": memory,
    "tracking": lambda bench: tracking.measure(bench.folder),
}


if __name__ == "__main__":
    main()
