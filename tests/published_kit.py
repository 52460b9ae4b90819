"""Notebooks like those that people publish: courses, handbooks, Kaggle; in ``tests/published``.

Each file is one notebook in the format of the equality cases: ``# %% TAGS`` begins a code cell,
``# %% [markdown]`` a text cell (its text as it is, without comment signs). They carry tags, run
from top to bottom without an error in less than two seconds on bundled data, and give the same
twice.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kit
from equality.reader import read_notebook

from kernelpipe.model.notebook import Notebook
from kernelpipe.notebook import parse_notebook

PUBLISHED = Path(__file__).with_name("published")
EXAMPLES = Path(__file__).parents[1] / "example_notebooks"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One notebook of the corpus: ``content`` is its JSON, which nobody may change."""

    name: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def notebook(self) -> Notebook:
        """The notebook as the product reads it."""
        return parse_notebook(kit.encode(self.content), path=f"{self.name}.ipynb")

    def write(self, directory: Path) -> Path:
        """Write it as a notebook file into ``directory`` and return its path."""
        path = directory / f"{self.name}.ipynb"
        path.write_bytes(kit.encode(self.content))
        return path

    def without_tags(self) -> dict[str, Any]:
        """Return its content with all tags taken away, but ``skip`` and ``raises-exception``."""
        content = copy.deepcopy(self.content)
        for cell in content["cells"]:
            tags = cell["metadata"].pop("tags", [])
            kept = [tag for tag in tags if tag in {"skip", "raises-exception"}]
            cell["metadata"] |= {"tags": kept} if kept else {}
        return content


def published_notebooks() -> list[Published]:
    """Return the whole corpus, by name."""
    return [
        Published(name=path.stem, content=read_notebook(path))
        for path in sorted(PUBLISHED.glob("*.py"))
    ]


def example_notebooks() -> list[Published]:
    """Return the notebooks that come with the product, by name; each source is one text."""
    found = []
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        content = kit.read(path)
        for cell in content["cells"]:
            cell["source"] = "".join(cell["source"])
        found.append(Published(name=path.stem, content=content))
    return found
