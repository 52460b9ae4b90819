"""What all steps of a pipeline have in common travels once, in the part with our runtime."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.packages import Packages
from kernelpipe.backends.kfp.spec import Json, compact_json

_FEWEST: Final = 2
"""Steps that must have something for it to be in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is in common, as JSON texts and versions.

    ``setup`` are the setup cells that every step begins with, in notebook order; ``tools`` are the
    packages that run and render notebooks, name -> version.
    """

    setup: tuple[str, ...]
    tools: Mapping[str, str]

    @classmethod
    def of(cls, documents: Sequence[Json], packages: Iterable[Packages]) -> "Shared":
        """Return what the task documents and packages of all steps have in common."""
        cells = [[compact_json(cell) for cell in document["setup"]] for document in documents]
        first = cells[0] if len(cells) >= _FEWEST else []
        return cls(
            setup=tuple(cell for cell in first if all(cell in others for others in cells)),
            tools={each.name: each.version for step in packages for each in step.tools},
        )

    def content(self) -> bytes:
        """Return the file ``shared.json``."""
        setup, tools = ",".join(self.setup), compact_json(dict(sorted(self.tools.items())))
        return f'{{"setup":[{setup}],"tools":{tools}}}'.encode()

    def shorten(self, document: Json) -> Json:
        """Return a task document with the number of each setup cell that is in common."""
        places = {cell: place for place, cell in enumerate(self.setup)}
        return document | {
            "setup": [places.get(compact_json(cell), cell) for cell in document["setup"]]
        }

    def own_tools(self, packages: Packages) -> Json:
        """Return ``{"tools": ...}`` of a step, empty if the common ones less its own are these."""
        tools = {each.name: each.version for each in packages.tools}
        needed = {each.name for each in packages.needed}
        common = {name: text for name, text in self.tools.items() if name not in needed}
        return {} if tools == common else {"tools": tools}
