"""Whether a notebook gives the same on Kubeflow's own executor as on this machine."""

import json
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kernelpipe.api.operations import OnDiagnostic, PathLike, compile_notebook, graph
from kernelpipe.api.running import run
from kernelpipe.api.value_differences import first_differences
from kernelpipe.errors import RunInterruptedError, UsageError
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Run, RunState, StepFacts, StepRun

if TYPE_CHECKING:
    from kernelpipe.backends.kfp.local_run import LocalKfp, LocalKfpRun
    from kernelpipe.backends.local import Reporter

_SAID: Final = re.compile(r"^\s*kernelpipe: step '(?P<step>[^']+)'(?P<text>.*)$", re.MULTILINE)
_SKIPPED: Final = " is skipped: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Disparity:
    """``what`` about a step (None: the run) is ``here`` on this machine and ``there`` on KFP."""

    step: StepName | None
    what: str
    here: str
    there: str
    location: Location | None = None
    """The step's first cell."""

    def __str__(self) -> str:
        where = "the run" if self.step is None else f"step '{self.step}'"
        return f"{where}: {self.what} is {self.here} on this machine, {self.there} under kfp.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedStep:
    """What of a step was compared: its states, and how many of what else."""

    name: StepName
    here: RunState
    there: RunState
    values: int
    """Values that it hands on to other steps."""
    metrics: int
    """Numbers and series of them."""
    is_reason_told: bool
    """Both say why it failed or was skipped, and that was compared, too."""
    is_cut_off: bool
    """It was not its turn there: ``kfp.local`` starts nothing more when a task has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The run on this machine and what was different under ``kfp.local``, in pipeline order.

    ``state`` is how the run there ended, ``duration_s`` how long it took; ``log`` is what
    ``kfp.local`` printed.
    """

    run: Run
    state: RunState
    duration_s: float
    steps: tuple[ComparedStep, ...]
    found: tuple[Disparity, ...]
    log: str
    merged: Mapping[str, tuple[StepName, ...]]
    """Tasks that ran several steps there -> these in order."""

    @property
    def values(self) -> int:
        """How many values were compared."""
        return sum(step.values for step in self.steps)

    @property
    def metrics(self) -> int:
        """How many metrics were compared."""
        return sum(step.metrics for step in self.steps)


def parity(  # noqa: PLR0913 - options of the command
    notebook: PathLike | Pipeline,
    parameters: Mapping[str, object] | None = None,
    *,
    keep: PathLike | None = None,
    reporter: "Reporter | None" = None,
    on_diagnostic: OnDiagnostic | None = None,
    kfp: "LocalKfp | None" = None,
    merge: bool | None = None,
) -> Parity:
    """Run a notebook on this machine and its YAML under ``kfp.local``, and compare.

    States of the run and of all steps must be equal, metrics, all values that steps hand on, to the
    last bit, and why steps failed or were skipped where both say that. Nothing is recorded.

    Args:
        notebook: Path of the notebook, or what :func:`graph` returned for it.
        parameters: Values by parameter name; the rest keep their defaults.
        keep: A new directory for the files of both runs; None means a temporary one.
        reporter: Is told how the run on this machine goes, and in messages how the other one does.
        on_diagnostic: Is called with each warning, in notebook order.
        kfp: An executor that is there already; None means to start one.
        merge: Run linear chains of steps in one pod there; None means as the notebook's metadata
            say.

    Raises:
        UsageError: If a parameter or a path is wrong.
        CompileError: If the notebook has errors, or asks for what a backend does not do.
        BackendUnavailableError: If kfp is not installed.
        RunInterruptedError: If a signal stopped it.
    """
    from kernelpipe.backends import local  # noqa: PLC0415 - loads the engine
    from kernelpipe.backends.kfp.cluster.parameter_values import (  # noqa: PLC0415 - likewise
        runtime_parameters,
    )
    from kernelpipe.backends.kfp.cluster.runs import (  # noqa: PLC0415 - likewise
        pipeline_documents,
    )
    from kernelpipe.backends.kfp.local_run import LocalKfp  # noqa: PLC0415 - likewise
    from kernelpipe.backends.local.signals import on_stop_signal  # noqa: PLC0415 - likewise
    from kernelpipe.compiler import check_parameters  # noqa: PLC0415 - likewise

    pipeline = notebook if isinstance(notebook, Pipeline) else graph(notebook, include_tests=False)
    told = reporter or local.SilentReporter()
    with ExitStack() as stack:
        stack.enter_context(on_stop_signal(_stop))
        directory = _directory(keep, stack)
        target = directory / "pipeline.yaml"
        merged: dict[str, tuple[StepName, ...]] = {}
        text = compile_notebook(
            pipeline, target, on_diagnostic=on_diagnostic, merge=merge, on_merged=merged.update
        )
        given = check_parameters(pipeline, parameters or {})
        values = runtime_parameters(pipeline_documents(text)[0], given)
        kfp = kfp or stack.enter_context(LocalKfp())
        here = run(pipeline, given, home=directory / "here", reporter=told, track=False)
        started = time.monotonic()
        there = kfp.run(
            target,
            directory / "kfp",
            values,
            on_task=lambda task, event: told.message(f"kfp.local: {task} {event}"),
        )
        return _Comparison(pipeline, here, there, merged).result(time.monotonic() - started)


def _stop(signal_name: str) -> None:
    raise RunInterruptedError(f"stopped by {signal_name}; nothing was recorded")


def _directory(keep: PathLike | None, stack: ExitStack) -> Path:
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kernelpipe-parity-")))
    directory = Path(keep).absolute()
    if directory.exists():
        raise UsageError(f"{directory} exists already", hint="name a new directory")
    directory.mkdir(parents=True)
    return directory


class _Comparison:
    """One comparison of two runs of a pipeline."""

    def __init__(
        self,
        pipeline: Pipeline,
        here: Run,
        there: "LocalKfpRun",
        merged: Mapping[str, tuple[StepName, ...]],
    ) -> None:
        from kernelpipe.backends.kfp.kfp_names import task_names  # noqa: PLC0415 - loads kfp's
        from kernelpipe.backends.kfp.merged_runs import told_apart  # noqa: PLC0415 - likewise

        self._pipeline = pipeline
        self._merged = merged
        self._names = task_names(step.name for step in pipeline.steps)
        self._here = here
        self._there = told_apart(there, merged, self._names)
        self._said = _said_there(there.log)
        self._is_cut_off = not there.is_succeeded and here.state is RunState.FAILED
        self._unequal: list[tuple[StepRun, Path, Path]] = []
        """Files of the same values that do not have the same bytes."""
        self._found: list[Disparity] = []

    def result(self, duration_s: float) -> Parity:
        """Compare everything; the run there took ``duration_s``."""
        ending = RunState.SUCCEEDED if self._there.is_succeeded else RunState.FAILED
        if self._here.state is not ending:
            self._tell(None, "its state", self._here.state.value, ending.value)
        steps = tuple(self._compare(step, self._names[step.name]) for step in self._here.steps)
        self._compare_unequal_files()
        order = {None: -1} | {step.name: index for index, step in enumerate(steps)}
        return Parity(
            run=self._here,
            state=ending,
            duration_s=duration_s,
            steps=steps,
            found=tuple(sorted(self._found, key=lambda each: order[each.step])),
            log=self._there.log,
            merged=self._merged,
        )

    def _compare(self, step: StepRun, task: str) -> ComparedStep:
        state = self._state(task)
        values = metrics = 0
        is_reason_told = False
        is_cut_off = self._is_cut_off and state is RunState.SKIPPED
        if state is not step.state and not is_cut_off:
            here = _with_reason(step.state, _reason(step))
            self._tell(step, "its state", here, _with_reason(state, self._said.get(step.name)))
        elif state is step.state:
            is_reason_told = self._compare_reasons(step)
            pairs = self._attempts(step, task)
            metrics = self._compare_metrics(step, task)
            values = sum(self._compare_values(step, *pair) for pair in pairs)
        return ComparedStep(
            name=step.name,
            here=step.state,
            there=state,
            values=values,
            metrics=metrics,
            is_reason_told=is_reason_told,
            is_cut_off=is_cut_off and step.state is not RunState.SKIPPED,
        )

    def _attempts(self, step: StepRun, task: str) -> list[tuple[dict[str, Path], dict[str, Path]]]:
        """Return port -> file, of the last attempts here and there, at each item of a loop's."""
        from kernelpipe.backends.kfp.local_run import value_files  # noqa: PLC0415 - as above
        from kernelpipe.runs.attempts import find_attempts  # noqa: PLC0415 - likewise

        facts: StepFacts = json.loads(step.facts)
        position = [each.name for each in self._here.steps].index(step.name)
        items: list[int | None] = list(range(len(facts["items"]))) if "items" in facts else [None]
        here = []
        for item in items:
            tries = find_attempts(Path(self._here.directory), position, step.name, item=item)
            files = (tries[-1] / "outputs").glob("*") if tries else ()
            here.append({path.name: path for path in files})
        there = [value_files(each) for each in self._there.items.get(task, ())]
        if "items" not in facts:
            found = self._there.values
            there = [{port: path for (owner, port), path in found.items() if owner == task}]
        elif here and len(here) != len(there):
            self._tell(step, "the number of its items", str(len(here)), str(len(there)))
        return list(zip(here, there, strict=False))

    def _state(self, task: str) -> RunState:
        if task in self._there.succeeded:
            return RunState.SUCCEEDED
        return RunState.FAILED if task in self._there.started else RunState.SKIPPED

    def _compare_reasons(self, step: StepRun) -> bool:
        """Compare why the step failed or was skipped; return whether both say it."""
        here, there = _reason(step), self._said.get(step.name)
        if here is None or there is None or step.state is RunState.SUCCEEDED:
            return False
        if here != there:
            self._tell(step, "the reason", here, there)
        return True

    def _compare_metrics(self, step: StepRun, task: str) -> int:
        facts: StepFacts = json.loads(step.facts)
        there = dict(self._there.metrics.get(task, {}))
        if "items" in facts:
            there = _series_there(self._there.items.get(task, ()))
        here: dict[str, object] = {**facts.get("metrics", {}), **facts.get("series", {})}
        names = [*here, *(name for name in there if name not in here)]
        for name in names:
            one, other = (
                repr(found[name]) if name in found else "missing" for found in (here, there)
            )
            if one != other:
                self._tell(step, f"metric '{name}'", one, other)
        return len(names)

    def _compare_values(
        self, step: StepRun, here: Mapping[str, Path], there: Mapping[str, Path]
    ) -> int:
        """Compare what the step wrote; files of the same bytes need not be loaded."""
        from kernelpipe.runtime.container import open_container  # noqa: PLC0415 - maps files

        headers = {path: open_container(path).header for path in (*here.values(), *there.values())}
        for port in sorted(here.keys() ^ there.keys()):
            texts = ["there" if port in files else "missing" for files in (here, there)]
            self._tell(step, f"value {port}", *texts)
        both = sorted(here.keys() & there.keys())
        self._unequal += [
            (step, here[port], there[port])
            for port in both
            if headers[here[port]] != headers[there[port]]
        ]
        return sum(len(headers[here[port]]["names"]) for port in both)

    def _compare_unequal_files(self) -> None:
        """Load the values whose files are not the same: pickles of equal values may differ."""
        pairs = [(here, there) for _, here, there in self._unequal]
        found = first_differences(pairs, beside=Path(self._pipeline.path).absolute().parent)
        for (step, *_), differences in zip(self._unequal, found, strict=True):
            for each in differences:
                self._tell(step, f"value {each.where}", each.left, each.right)

    def _tell(self, step: StepRun | None, what: str, here: str, there: str) -> None:
        name = None if step is None else step.name
        cells = {each.name: each.cells for each in self._pipeline.steps}
        self._found.append(
            Disparity(
                step=name,
                what=what,
                here=here,
                there=there,
                location=None if name is None else cells[name][0].location,
            )
        )


def _said_there(log: str) -> dict[str, str]:
    """Return step -> why it failed or was skipped, as its pods or those before it said last."""
    found = {}
    for line in _SAID.finditer(log):
        text = line["text"]
        if text.startswith(_SKIPPED):
            found[line["step"]] = text.removeprefix(_SKIPPED)
        elif text.startswith((": ", ", ")):
            found[line["step"]] = text[2:]
    return found


def _reason(step: StepRun) -> str | None:
    """Return why the step failed or was skipped, in the words of a pod."""
    if step.error is None:
        return step.reason
    where = "" if step.error.cell_index is None else f"cell {step.error.cell_index}: "
    first_line = step.error.evalue.partition("\n")[0]
    return f"{where}{step.error.ename}: {first_line}".rstrip(": ")


def _with_reason(state: RunState, reason: str | None) -> str:
    told = state is not RunState.SUCCEEDED and reason
    return f"{state.value} ({reason})" if told else state.value


def _series_there(items: Sequence[Path]) -> dict[str, object]:
    """Return the series that a loop's items reported, one number each."""
    from kernelpipe.backends.kfp.local_run import read_metrics  # noqa: PLC0415 - as above

    series: dict[str, list[object]] = {}
    for item in items:
        for name, value in read_metrics(item).items():
            series.setdefault(name, []).append(value)
    return dict(series)


def parity_document(check: Parity) -> dict[str, object]:
    """Return what was compared and what differed, as JSON."""
    return {
        "is_same": not check.found,
        "here": {"state": check.run.state.value, "duration_s": check.run.duration_s},
        "there": {"state": check.state.value, "duration_s": round(check.duration_s, 3)},
        "steps": [
            {
                "name": step.name,
                "here": step.here.value,
                "there": step.there.value,
                "values": step.values,
                "metrics": step.metrics,
                "is_reason_told": step.is_reason_told,
                "is_cut_off": step.is_cut_off,
            }
            for step in check.steps
        ],
        "merged": check.merged,
        "values": check.values,
        "metrics": check.metrics,
        "differences": [
            {
                "step": each.step,
                "cell": None if each.location is None else each.location.cell_index,
                "what": each.what,
                "here": each.here,
                "there": each.there,
            }
            for each in check.found
        ],
    }
