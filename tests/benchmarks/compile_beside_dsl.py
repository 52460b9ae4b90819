"""Measures compiling a notebook beside building the same pipeline with ``kfp.dsl``.

Both make a chain of steps, each with a step's source, an input and an output artifact, and write
the YAML. Ours begins at the notebook's file: reading, analysis, lowering and emitting count. Theirs
begins at component functions that exist, so nothing of what a user must write by hand counts, nor
does the import of kfp (0.6 s). Processor time is measured: other work on the machine counts less.
"""

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import kit

from kernelpipe import api
from kernelpipe.backends import kfp as kfp_backend
from kernelpipe.compiler import lower

STEPS = (10, 100, 500)
REPEATS = 3
SOURCE = "x{n} = x{before} + math.sqrt(rate)\nprint('step {n}', x{n})"


def main() -> None:
    """Print a table of medians in milliseconds, repeats interleaved, with ratios to ours."""
    warnings.simplefilter("ignore")
    heads = ("steps", "ours, whole", "ours, emit", "container", "lightweight", "ratios of whole")
    _say("  ".join(f"{head:>11}" for head in heads) + "   of emit")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in STEPS:
            path = _notebook(folder, count)
            ways = [
                lambda path=path: api.compile_notebook(path, folder / "out.yaml"),
                _emission(path),
                _container(count, folder / "out.yaml"),
                _lightweight(count, folder / "out.yaml"),
            ]
            taken = [[_time_ms(way) for way in ways] for _ in range(REPEATS)]
            whole, emit, *theirs = (statistics.median(times) for times in zip(*taken, strict=True))
            numbers = [f"{number:>11.0f}" for number in (count, whole, emit, *theirs)]
            ratios = [f"{each / base:>7.1f}" for base in (whole, emit) for each in theirs]
            _say("  ".join(numbers + ratios))


def _notebook(folder: Path, count: int) -> Path:
    cells = [kit.code("import math", "imports"), kit.code("rate = 0.5", "parameters")]
    cells += [kit.code("x0 = 0.0", "step:s0")]
    cells += [kit.code(SOURCE.format(n=n, before=n - 1), f"step:s{n}") for n in range(1, count)]
    return kit.write(folder / f"chain_{count}.ipynb", *cells)


def _emission(path: Path) -> Callable[[], object]:
    """Return what ``kfp.dsl`` does, too: from a pipeline in memory to the checked YAML text."""
    pipeline = api.graph(path)
    tasks = lower(pipeline)
    return lambda: kfp_backend.emit_ir(pipeline, tasks)


def _container(count: int, out: Path) -> Callable[[], object]:
    """Return a build with one container component per step, as our IR has."""
    from kfp import compiler, dsl

    def component(source: str) -> Any:
        @dsl.container_component
        def step(rate: float, given: dsl.Input[dsl.Artifact], made: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return dsl.ContainerSpec(
                image="python:3.11-slim",
                command=["python3", "-c", source],
                args=[rate, given.path, made.path],
            )

        return step

    @dsl.container_component
    def first(made: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]  # noqa: ANN202
        return dsl.ContainerSpec(image="python:3.11-slim", command=["python3"], args=[made.path])

    return lambda: _compile(compiler, dsl, first, component, count, out)


def _lightweight(count: int, out: Path) -> Callable[[], object]:
    """Return a build with one lightweight Python component per step, as people write them."""
    from kfp import compiler, dsl

    def component(source: str) -> Any:
        del source  # KFP reads the function's own

        @dsl.component(base_image="python:3.11-slim")
        def step(rate: float, given: dsl.Input[dsl.Artifact], made: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]  # noqa: ANN202
            import json
            import math
            import sys
            from pathlib import Path

            value = json.loads(Path(given.path).read_text()) + math.sqrt(rate)
            sys.stdout.write(f"step {value}\n")
            Path(made.path).write_text(json.dumps(value))

        return step

    @dsl.component(base_image="python:3.11-slim")
    def first(made: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]  # noqa: ANN202
        from pathlib import Path

        Path(made.path).write_text("0.0")

    return lambda: _compile(compiler, dsl, first, component, count, out)


def _compile(
    compiler: Any, dsl: Any, first: Any, component: Callable[[str], Any], count: int, out: Path
) -> None:
    @dsl.pipeline(name="chain")
    def chain(rate: float = 0.5):  # type: ignore[no-untyped-def]  # noqa: ANN202
        made = first().outputs["made"]
        for n in range(1, count):
            step = component(SOURCE.format(n=n, before=n - 1))
            made = step(rate=rate, given=made).outputs["made"]

    compiler.Compiler().compile(chain, str(out))


def _time_ms(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return (time.process_time() - start) * 1000


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
