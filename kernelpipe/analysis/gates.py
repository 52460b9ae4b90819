"""The gates of steps: what the names in ``when:`` mean, and in which order that puts the steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelpipe.analysis.placement import DeclaredStep, Placement
from kernelpipe.analysis.rules import GATE_NAME, GATE_TOO_EARLY
from kernelpipe.errors import did_you_mean
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Edge, EdgeKind, Gate
from kernelpipe.runtime.gates import names_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The gates of a notebook; ``edges`` order each step after those whose metrics it asks for.

    ``by_step`` has no gate whose expression has an error; ``diagnostics`` say what is wrong.
    """

    by_step: Mapping[StepName, Gate]
    edges: tuple[Edge, ...]
    diagnostics: tuple[Diagnostic, ...]


def find_gates(
    placement: Placement,
    metrics: Mapping[StepName, Sequence[str]],
    parameters: Sequence[str],
) -> Gates:
    """Return the gates that the steps' settings declare.

    A name stands for the metric of the nearest earlier step that reports it, as a read in a cell
    would, else for the parameter.

    Args:
        placement: Steps in order of first appearance.
        metrics: Step -> the metrics that it reports.
        parameters: Names of the pipeline's parameters.
    """
    gates: dict[StepName, Gate] = {}
    diagnostics: list[Diagnostic] = []
    earlier: dict[str, StepName] = {}
    for step in placement.steps:
        if step.settings.when is not None:
            finder = _Finder(placement, step, earlier, metrics, parameters)
            gate = finder.gate(step.settings.when)
            diagnostics += finder.diagnostics
            if not finder.diagnostics:
                gates[step.name] = gate
        if not step.settings.on_exit and step.settings.foreach is None:
            earlier |= dict.fromkeys(metrics[step.name], step.name)
    edges = {(producer, name) for name, gate in gates.items() for _, producer in gate.metrics}
    return Gates(
        by_step=gates,
        edges=tuple(
            Edge(producer=producer, consumer=consumer, kind=EdgeKind.ORDER)
            for producer, consumer in sorted(edges)
        ),
        diagnostics=tuple(diagnostics),
    )


class _Finder:
    """Finds what the names of one gate stand for."""

    def __init__(
        self,
        placement: Placement,
        step: DeclaredStep,
        earlier: Mapping[str, StepName],
        metrics: Mapping[StepName, Sequence[str]],
        parameters: Sequence[str],
    ) -> None:
        self.step = step
        self.earlier = earlier
        self.metrics = metrics
        self.parameters = parameters
        self.location = placement.location_of("when", step.name)
        self.loops = {s.name for s in placement.steps if s.settings.foreach is not None}
        self.diagnostics: list[Diagnostic] = []

    def gate(self, expression: str) -> Gate:
        names = names_in(expression)
        found = [name for name in names if name in self.earlier]
        others = [name for name in names if name not in self.earlier]
        for name in others:
            if name not in self.parameters:
                self.diagnostics.append(self._unknown(name))
        return Gate(
            expression=expression,
            metrics=tuple((name, self.earlier[name]) for name in found),
            parameters=tuple(others),
        )

    def _unknown(self, name: str) -> Diagnostic:
        late = next((step for step, names in self.metrics.items() if name in names), None)
        if late in self.loops and late != self.step.name:
            return GATE_TOO_EARLY.at(
                self.location,
                f"step '{self.step.name}' runs only when '{name}' allows it, of which step '{late}'"
                " reports one for each item",
                "compute one number from the list of them in a metrics cell of a step in between",
            )
        if late is not None:
            where = "the step itself" if late == self.step.name else f"the later step '{late}'"
            return GATE_TOO_EARLY.at(
                self.location,
                f"step '{self.step.name}' runs only when '{name}' allows it, which {where} reports",
                f"move step '{self.step.name}' below the metrics cell of an earlier step",
            )
        known = sorted({*self.earlier, *self.parameters})
        return GATE_NAME.at(
            self.location,
            f"step '{self.step.name}' runs only when '{name}' allows it, which is neither a"
            " parameter nor a metric of an earlier step",
            did_you_mean(name, known)
            or (f"there are: {', '.join(known)}" if known else "tag a cell 'metrics'"),
        )
