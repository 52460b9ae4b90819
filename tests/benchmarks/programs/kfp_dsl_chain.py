"""Builds a chain of steps with ``kfp.dsl`` and writes its YAML: kfp_dsl_chain.py WAY STEPS OUT."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")

from kfp import compiler, dsl  # noqa: E402 - it warns when it is imported

SOURCE = "x{n} = x{before} + math.sqrt(rate)\nprint('step {n}', x{n})"


def container(count: int, out: str) -> None:
    """Build with one container component per step, as kernelpipe's IR has."""

    def component(source: str) -> Any:
        @dsl.container_component
        def step(rate: float, given: dsl.Input[dsl.Artifact], made: dsl.Output[dsl.Artifact]):  # noqa: ANN202 - kfp reads it
            return dsl.ContainerSpec(
                image="python:3.11-slim",
                command=["python3", "-c", source],
                args=[rate, given.path, made.path],
            )

        return step

    @dsl.container_component
    def first(made: dsl.Output[dsl.Artifact]):  # noqa: ANN202 - likewise
        return dsl.ContainerSpec(image="python:3.11-slim", command=["python3"], args=[made.path])

    _compile(first, component, count, out)


def lightweight(count: int, out: str) -> None:
    """Build with one lightweight Python component per step, as people write them."""

    def component(source: str) -> Any:
        del source  # KFP reads the function's own

        @dsl.component(base_image="python:3.11-slim")
        def step(rate: float, given: dsl.Input[dsl.Artifact], made: dsl.Output[dsl.Artifact]):  # noqa: ANN202 - kfp reads it
            import json
            import math
            import sys
            from pathlib import Path

            value = json.loads(Path(given.path).read_text()) + math.sqrt(rate)
            sys.stdout.write(f"step {value}\n")
            Path(made.path).write_text(json.dumps(value))

        return step

    @dsl.component(base_image="python:3.11-slim")
    def first(made: dsl.Output[dsl.Artifact]):  # noqa: ANN202 - likewise
        from pathlib import Path

        Path(made.path).write_text("0.0")

    _compile(first, component, count, out)


def _compile(first: Any, component: Callable[[str], Any], count: int, out: str) -> None:
    @dsl.pipeline(name="chain")
    def chain(rate: float = 0.5):  # noqa: ANN202 - likewise
        made = first().outputs["made"]
        for n in range(1, count):
            step = component(SOURCE.format(n=n, before=n - 1))
            made = step(rate=rate, given=made).outputs["made"]

    compiler.Compiler().compile(chain, out)


WAYS = {"container": container, "lightweight": lightweight}

if __name__ == "__main__":
    WAYS[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
