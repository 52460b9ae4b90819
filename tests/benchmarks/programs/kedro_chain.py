"""Five trivial functions in a chain with Kedro's sequential runner."""

from kedro.io import DataCatalog
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner


def start() -> int:
    """Make the first value."""
    return 1


def add(x: int) -> int:
    """Use the value."""
    return x + 1


nodes = [node(start, None, "x0"), *(node(add, f"x{n}", f"x{n + 1}") for n in range(4))]
SequentialRunner().run(pipeline(nodes), DataCatalog())
