"""Gates in the IR: who tells whether each is open, and the condition of every task behind one.

A gate over metrics is looked at, in Python, by the step that reports them, and by a chore where
several do; the answer is handed on as text: open, closed, or why it cannot be told, with which the
gated step then fails. A gate over parameters alone becomes a CEL expression. A task's condition
holds its own gate and those of all steps before it, so that no sub-DAG is needed and a task may
stand behind any gates: the backend omits what comes after a task that was not run, and
``kfp.local``, which does not, sees that the condition does not hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.cel import CelError, cel_condition
from kernelpipe.backends.kfp.chores import gate_chore
from kernelpipe.backends.kfp.parameters import pod_entry
from kernelpipe.backends.kfp.spec import Json
from kernelpipe.compiler.task import Task
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Gate, Parameter
from kernelpipe.runtime.pod_gates import CLOSED

_CHANNEL: Final = "pipelinechannel--{task}--{port}"
"""Name of the input for another task's output: ``kfp.local`` finds the value by this name alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The gates of a pipeline.

    ``behind`` is step -> the gated steps whose gates must be open for it to run, itself among
    them, in pipeline order. ``faults`` is gated step -> why its gate cannot be had in KFP.
    """

    names: Mapping[StepName, str]
    gates: Mapping[StepName, Gate]
    behind: Mapping[StepName, tuple[StepName, ...]]
    conditions: Mapping[StepName, str]
    """Gated step -> CEL, of gates over parameters alone."""
    parameters: Mapping[str, Parameter]
    faults: Mapping[StepName, str]

    @classmethod
    def of(
        cls,
        tasks: Sequence[Task],
        names: Mapping[StepName, str],
        parameters: Mapping[str, Parameter],
    ) -> "Gates":
        """Return the gates of ``tasks``, which are in pipeline order."""
        gates = {task.step: task.gate for task in tasks if task.gate is not None}
        behind: dict[StepName, tuple[StepName, ...]] = {}
        for task in tasks:
            found = {each for name in task.after for each in behind.get(name, ())}
            found |= {task.step} & gates.keys()
            behind[task.step] = tuple(step for step in gates if step in found)
        conditions, faults = {}, {}
        for step, gate in gates.items():
            try:
                if not gate.metrics:
                    conditions[step] = cel_condition(gate, parameters)
            except CelError as error:
                faults[step] = str(error)
        return cls(
            names=names,
            gates=gates,
            behind=behind,
            conditions=conditions,
            parameters=parameters,
            faults=faults,
        )

    def asked_of(self, step: StepName) -> tuple[StepName, ...]:
        """Return the gated steps whose gates ``step`` must tell."""
        return tuple(
            gated
            for gated, gate in self.gates.items()
            if gate.metrics and self._teller(gated) == step
        )

    def port(self, gated: StepName) -> str:
        """Return the name of the output that tells whether a step's gate is open."""
        return f"gate-{self.names[gated]}"

    def entries(self, step: StepName) -> list[Json]:
        """Return what the pod of ``step`` must know to tell the gates asked of it."""
        return [
            {
                "port": self.port(gated),
                "step": gated,
                "expression": self.gates[gated].expression,
                "metrics": [name for name, _ in self.gates[gated].metrics],
                "parameters": [
                    pod_entry(self.parameters[name]) for name in self.gates[gated].parameters
                ],
            }
            for gated in self.asked_of(step)
        ]

    def further_parameters(self, task: Task) -> tuple[str, ...]:
        """Return the parameters that a task needs for gates and not for its code, sorted."""
        wanted = {name for gated in self.asked_of(task.step) for name in self._reads(gated)}
        wanted |= {
            name
            for gated in self.behind[task.step]
            if gated in self.conditions
            for name in self._reads(gated)
        }
        return tuple(sorted(wanted - set(task.parameters)))

    def inputs(self, step: StepName) -> dict[str, Json]:
        """Return the inputs of a task that hold how the gates before it are."""
        return {
            self._channel(gated): {
                "taskOutputParameter": {
                    "producerTask": self.names[self._teller(gated)],
                    "outputParameterKey": self.port(gated),
                }
            }
            for gated in self._told(step)
        }

    def tellers(self, step: StepName) -> set[StepName]:
        """Return the steps that tell how the gates before ``step`` are."""
        return {self._teller(gated) for gated in self._told(step)}

    def answer(self, step: StepName) -> str | None:
        """Return the input that tells how the gate of ``step`` itself is, None if none does."""
        return (
            self._channel(step) if step in self.behind[step] and step in self._told(step) else None
        )

    def condition(self, step: StepName) -> str | None:
        """Return the CEL condition of a task, None if it always runs."""
        parts = [
            self.conditions[gated]
            if gated in self.conditions
            else f"inputs.parameter_values['{self._channel(gated)}'] != '{CLOSED}'"
            for gated in self.behind[step]
            if gated not in self.faults
        ]
        return " && ".join(parts) or None

    def _reads(self, gated: StepName) -> tuple[str, ...]:
        return self.gates[gated].parameters

    def _told(self, step: StepName) -> list[StepName]:
        """Return the gated steps before ``step`` whose gates another task tells."""
        return [
            gated
            for gated in self.behind[step]
            if gated not in self.conditions and gated not in self.faults
        ]

    def _teller(self, gated: StepName) -> StepName:
        providers = {provider for _, provider in self.gates[gated].metrics}
        return providers.pop() if len(providers) == 1 else gate_chore(gated)

    def _channel(self, gated: StepName) -> str:
        return _CHANNEL.format(task=self.names[self._teller(gated)], port=self.port(gated))
