"""Other tools, each in a virtual environment of its own that is made when it is first needed."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build" / "peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A tool and what is to be installed for it."""

    name: str
    requirements: tuple[str, ...]


PAPERMILL = Peer(
    name="papermill", requirements=("papermill>=2.7,<3", "nbclient>=0.10,<1", "ipykernel>=7,<8")
)
PLOOMBER = Peer(
    name="ploomber", requirements=("ploomber>=0.23,<1", "ipykernel>=6,<8", "setuptools<81")
)
METAFLOW = Peer(name="metaflow", requirements=("metaflow>=2.19,<3",))
KFP = Peer(name="kfp", requirements=("kfp>=2.15,<3",))
KEDRO = Peer(name="kedro", requirements=("kedro>=1,<2",))
MARIMO = Peer(name="marimo", requirements=("marimo>=0.25,<1",))
PYFLAKES = Peer(name="pyflakes", requirements=("pyflakes>=3.4,<5",))
KALE = Peer(name="kale", requirements=("kubeflow-kale>=2.3,<3",))
WITH_MLFLOW = Peer(name="kernelpipe-mlflow", requirements=(f"--editable={ROOT}[mlflow]",))


def python(peer: Peer) -> Path | None:
    """Return the Python that has the peer; None if it could not be installed, which is said."""
    place = PLACE / peer.name
    found = place / "bin" / "python"
    if (place / "installed").exists():
        return found
    _say(f"installing {peer.name} into {place.relative_to(ROOT)}")
    pip = [str(found), "-m", "pip", "--disable-pip-version-check", "-q"]
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [*pip, "install", *peer.requirements],
    )
    for words in steps:
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            _say(f"{peer.name} could not be installed, so it is left out:\n{ended.stderr[-800:]}")
            return None
    (place / "installed").touch()
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
