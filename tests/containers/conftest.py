"""One container engine with two images for all tests of this folder, whatever worker runs them."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import docker
import pytest

from containers import engine
from containers.images import import_image
from kernelpipe.backends.kfp.images import default_image

BARE = "bare-python:1"
"""An image with Python and its standard library, nothing else."""
PACKAGES = ("ipykernel", "matplotlib", "nbclient", "nbconvert", "numpy", "pandas", "scikit-learn")
"""What the other image has besides: what the example imports, and what notebooks are run with."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder; workers that wait for one another take longer, too."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """Where the engine answers that has the images.

    The worker that comes first starts it, and stops it when no other uses it any more.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    note = shared / "containers.txt"
    with ExitStack() as stack:
        changing = stack.enter_context((shared / "containers.changing").open("w"))
        using = stack.enter_context((shared / "containers.using").open("w"))
        fcntl.flock(changing, fcntl.LOCK_EX)
        if not note.exists():
            try:
                found = stack.enter_context(engine.running())
            except engine.NoEngineError as error:
                pytest.skip(f"containers were NOT tested: {error}")
            make_images(found)
            note.write_text(found, encoding="utf-8")
            stack.callback(note.unlink)
            stack.callback(fcntl.flock, using, fcntl.LOCK_EX)
            stack.callback(fcntl.flock, changing, fcntl.LOCK_EX)
        fcntl.flock(using, fcntl.LOCK_SH)
        fcntl.flock(changing, fcntl.LOCK_UN)
        yield note.read_text(encoding="utf-8")


def make_images(address: str) -> None:
    """Give the engine the two images."""
    with closing(docker.APIClient(address)) as client:
        import_image(client, BARE)
        import_image(client, default_image(), PACKAGES)
