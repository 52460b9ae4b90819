"""Everything that planning or running a pipeline takes, checked before anything is made."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kernelpipe._version import __version__
from kernelpipe.backends.local.environment import NOTHING_KNOWN, Environment, read_environment
from kernelpipe.backends.local.file_states import FileStates
from kernelpipe.backends.local.interpreters import kernel_python
from kernelpipe.backends.local.kernels import installed_kernel
from kernelpipe.backends.local.looping import expand
from kernelpipe.backends.local.planning import Circumstances, Planner
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.backends.local.resuming import Restart, find_restart, kept_results
from kernelpipe.compiler import Task
from kernelpipe.errors import CompileError, UsageError
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.plan import Plan
from kernelpipe.model.run import RunFacts
from kernelpipe.model.settings import PipelineSettings
from kernelpipe.runs import FileDigests, ResultStore, RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One pipeline that is to be planned or run, with all that belongs to it."""

    pipeline: Pipeline
    steps: Sequence[Task]
    """One per step, in pipeline order, lowered from ``pipeline``."""
    tasks: Sequence[Task]
    """The same, with one more for each item of a loop (see ``looping``)."""
    given: Mapping[str, object]
    """Parameter name -> JSON value that the user gave, checked."""
    store: RunStore
    request: RunRequest
    source: Path
    """The source notebook, absolute."""
    kernel: str
    """Name of an installed kernelspec."""
    kernel_note: str | None
    """What to tell the user about the kernel."""
    environment: Environment
    results: ResultStore
    digests: FileDigests
    planner: Planner

    @property
    def working_directory(self) -> Path:
        """Of the kernels."""
        return self.request.working_directory or self.source.parent

    @property
    def content(self) -> bytes:
        """The source notebook.

        Raises:
            UsageError: If it cannot be read any more.
        """
        if self.request.content is not None:
            return self.request.content
        try:
            return self.source.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {self.source}: {error.strerror}") from error

    def parameters_text(self) -> str:
        """Return JSON text of every parameter's name -> value."""
        return json.dumps(_values(self.pipeline, self.given))

    def facts(self) -> RunFacts:
        """Return what is known about the run before it starts.

        Raises:
            UsageError: If the notebook cannot be read any more.
        """
        request = self.request
        modules = sorted({module for task in self.steps for module in task.modules})
        facts = RunFacts(
            version=__version__,
            notebook_sha256=hashlib.sha256(self.content).hexdigest(),
            given=sorted(self.given),
            packages=dict(self.environment.packages(modules)),
            python=self.environment.python,
            options=request.document(),
        )
        if request.resumes is not None:
            facts["resumes"] = request.resumes
        if request.batch is not None:
            facts["batch"] = request.batch
        if request.point is not None:
            facts["point"] = request.point
        return facts

    def restarts(self, plan: Plan) -> dict[StepName, Restart]:
        """Return the steps that can begin where they stopped in the run that is continued."""
        if self.request.resumes is None:
            return {}
        run = self.store.load(self.request.resumes)
        values: dict[tuple[StepName, str], str] = {}
        for planned in plan.steps:
            if planned.result is not None:
                values |= {(planned.name, v.port): v.digest for v in planned.result.values}
            values |= self.planner.collected(planned.name, values)
        found = {}
        for task, planned in zip(self.tasks, plan.steps, strict=True):
            ports = [(port.step, port.port) for port in task.inputs]
            is_missing = planned.result is None and task.loop is None
            if is_missing and all(port in values for port in ports):
                conditions = self.planner.conditions(task.step, values)
                restart = find_restart(run, task, conditions)
                if restart is not None:
                    found[task.step] = restart
        return found


def prepare(
    pipeline: Pipeline,
    tasks: Sequence[Task],
    *,
    given: Mapping[str, object],
    store: RunStore,
    request: RunRequest,
) -> Job:
    """Return the job, checked; nothing is made.

    Raises:
        UsageError: If the request cannot be done as asked.
        CompileError: If the pipeline has errors.
    """
    source = Path(pipeline.path).absolute()
    _refuse(pipeline, source, request)
    request = _limited(request, pipeline.settings)
    parts = expand(tasks, pipeline, given)
    kernel, note = installed_kernel(pipeline.kernel_name)
    python = kernel_python(kernel)
    environment = NOTHING_KNOWN if python is None else read_environment(python)
    results, digests = ResultStore(store.home), FileDigests(store.home)
    kept = kept_results(store.load(request.resumes)) if request.resumes else frozenset()
    planner = Planner(
        parts,
        Circumstances(
            given=given,
            parameters=_values(pipeline, given),
            source=str(source),
            environment=environment,
            results=results,
            kept=kept,
        ),
        request,
        FileStates(digests, request.working_directory or source.parent),
    )
    return Job(
        pipeline=pipeline,
        steps=tasks,
        tasks=parts,
        given=given,
        store=store,
        request=request,
        source=source,
        kernel=kernel,
        kernel_note=note,
        environment=environment,
        results=results,
        digests=digests,
        planner=planner,
    )


def _values(pipeline: Pipeline, given: Mapping[str, object]) -> dict[str, object]:
    """Return every parameter's name -> value, defaults included."""
    return {p.name: json.loads(p.default) for p in pipeline.parameters} | dict(given)


def _limited(request: RunRequest, settings: PipelineSettings) -> RunRequest:
    """Return the request within what the notebook's metadata allows a run."""
    jobs = min(request.jobs, settings.parallelism or request.jobs)
    limits = [each for each in (request.timeout_s, settings.deadline_s) if each is not None]
    return replace(request, jobs=jobs, timeout_s=min(limits, default=None))


def _refuse(pipeline: Pipeline, source: Path, request: RunRequest) -> None:
    """Raise for what cannot be done, before anything is made."""
    if pipeline.errors():
        raise CompileError(diagnostics=pipeline.errors())
    if request.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {request.jobs}")
    out = request.out
    if out is None:
        return
    if out.resolve() == source.resolve() or (out.exists() and out.samefile(source)):
        raise UsageError(
            f"{out} is the source notebook, which a run never writes",
            hint="give --out another name",
        )
    parent = out.absolute().parent
    if out.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UsageError(
            f"the executed notebook cannot be written to {out}",
            hint="--out names a file in a directory that exists and can be written",
        )
