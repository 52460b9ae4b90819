"""Objects that a loop's step would tear apart: what its items give are copies."""

from collections.abc import Iterable, Iterator

from kernelpipe.analysis.heap import Kind, Obj, reach
from kernelpipe.analysis.history import Event, History, Version
from kernelpipe.analysis.linking import Linker
from kernelpipe.analysis.placement import Placement
from kernelpipe.analysis.rules import LOOP_SHARES
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName

_HINT = "hand on a copy: copy.deepcopy(...), .copy(), list(...)"


def shared_verdicts(
    loops: Iterable[StepName], placement: Placement, history: History, linker: Linker
) -> Iterator[Diagnostic]:
    """Yield an error for each name of a loop's step that holds more than what its items made.

    Copies that nothing changes later are as good. Names of one item that share an object are no
    matter: they are stored together.
    """
    for step in loops:
        after = linker.last[step] + 1
        place = placement.location_of("foreach", step)
        before = _objects(
            version
            for versions in history.versions.values()
            for version in versions
            if version.placed.position < linker.first[step]
        )
        for name in sorted(linker.links.outputs.get(step, {})):
            if name.startswith("@"):
                continue
            own = [v for v in history.versions.get(name, ()) if v.owner == step]
            if not own:
                fault = f"hands on what may hold '{name}', and a later step changes one of them"
            elif all(version.event is Event.CHANGE for version in own):
                fault = f"changes '{name}' in place for each item, and later steps use it"
            elif any(history.changed.get(o, -1) >= after for o in _objects(own) & before):
                fault = f"hands on '{name}', which may hold what a later step changes"
            else:
                continue
            yield LOOP_SHARES.at(
                place, f"step '{step}' {fault}: each item has a copy of its own", _HINT
            )


def _objects(versions: Iterable[Version]) -> set[Obj]:
    """Return the data that can be reached from versions, of a loop from what one item gives."""
    found = reach(frozenset[Obj]().union(*(v.stored for v in versions)), kept=True)
    return {o for o in found if o.kind not in (Kind.CLASS, Kind.FUNCTION)}
