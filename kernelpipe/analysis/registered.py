"""Keeps the models that steps register, also those that no later step reads."""

from kernelpipe.analysis.heap import Kind
from kernelpipe.analysis.history import Event, History
from kernelpipe.analysis.linking import Links
from kernelpipe.analysis.placement import Placement


def keep_models(placement: Placement, history: History, links: Links) -> None:
    """Make outputs of the models of steps with the tag ``register:``.

    These are the variable that the tag names, else whatever is surely an estimator when the step
    ends.
    """
    for step in placement.steps:
        if step.settings.register is None:
            continue
        wanted = step.settings.register.partition(":")[2]
        outputs = links.outputs.setdefault(step.name, {})
        for name, versions in history.versions.items():
            own = [version for version in versions if version.owner == step.name]
            if not own or own[-1].event is Event.DELETE or name in outputs:
                continue
            kinds = {each.kind for each in own[-1].stored}
            if name == wanted or (not wanted and kinds == {Kind.ESTIMATOR}):
                outputs[name] = own[-1].placed.cell.index
