"""The two runs of a notebook that is verified: as a pipeline, and plainly, in one place."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from kernelpipe.api.folder_copies import WorkingFolder
from kernelpipe.errors import BackendError, RunInterruptedError
from kernelpipe.model.names import StepName
from kernelpipe.model.run import Run

if TYPE_CHECKING:
    from kernelpipe.backends.local import Machine, Reporter
    from kernelpipe.backends.local.engine import Engine, StepSession
    from kernelpipe.backends.local.plain import PlainNotebook, PlainRun
    from kernelpipe.backends.local.session import Ending
    from kernelpipe.compiler import Task
    from kernelpipe.model.notebook import Notebook
    from kernelpipe.model.pipeline import Pipeline

_LEAST_JOBS: Final = 2


class Bench:
    """Where notebooks are verified: a scratch folder and warm processes; a context manager.

    Verifying many notebooks on one bench saves starting those for each.
    """

    def __init__(
        self,
        *,
        jobs: int | None = None,
        is_plain_warm: bool = False,
        modules: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing starts.

        Args:
            jobs: How many steps may run at the same time; None means one per processor, at least
                two.
            is_plain_warm: Run notebooks plainly in a process forked from a warm one, as steps
                are, not in a kernel of their own, and compare values in this process.
            modules: Dotted names of what the notebooks import: the processes that steps are forked
                from have it loaded.
        """
        self.jobs = max(_LEAST_JOBS, os.cpu_count() or 1) if jobs is None else jobs
        self.is_plain_warm = is_plain_warm
        self.modules = tuple(modules)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from kernelpipe.backends import local  # noqa: PLC0415 - loads the engine

        scratch = tempfile.TemporaryDirectory(prefix="kernelpipe-verify-")
        # Resolved, as the notebook sees its working directory.
        self.scratch = Path(self._stack.enter_context(scratch)).resolve()
        self.machine: Machine = self._stack.enter_context(local.Machine(jobs=self.jobs))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A notebook that is verified, and how."""

    notebook: "Notebook"
    pipeline: "Pipeline"
    tasks: "tuple[Task, ...]"
    given: Mapping[str, object]
    engine: str
    relative: float
    bench: Bench
    reporter: "Reporter"

    @property
    def source(self) -> Path:
        """The user's notebook."""
        return Path(self.pipeline.path).absolute()


def run_as_pipeline(subject: Subject, folder: WorkingFolder) -> Run:
    """Run the notebook as a pipeline in its working folder, with nothing found again.

    Raises:
        UsageError: If the run cannot be done as asked.
        RunInterruptedError: If a signal stopped it.
    """
    from kernelpipe.api.running import run_request  # noqa: PLC0415 - as above
    from kernelpipe.backends import local  # noqa: PLC0415 - likewise
    from kernelpipe.backends.local.runtime_copy import install_runtime  # noqa: PLC0415 - likewise
    from kernelpipe.runs import RunStore  # noqa: PLC0415 - loads SQLite

    subject.reporter.message("as a pipeline:")
    copy = folder.begin() / subject.source.name
    store = RunStore(subject.bench.scratch / "home")
    store.prepare()
    _engine(subject, copy.parent, install_runtime(store.home))
    request = run_request(
        {
            "jobs": subject.bench.jobs,
            "use_cache": False,
            "track": False,
            "engine": subject.engine,
        }
    )
    try:
        return local.run_pipeline(
            replace(subject.pipeline, path=str(copy)),
            subject.tasks,
            given=subject.given,
            store=store,
            request=request,
            reporter=subject.reporter,
            machine=subject.bench.machine,
        )
    except RunInterruptedError as error:
        raise RunInterruptedError(_stopped(str(error))) from error


def _stopped(text: str) -> str:
    """Return what to say when a signal stopped it; the run's files are gone."""
    names = [word.strip(";,") for word in text.split() if word.startswith("SIG")]
    return f"stopped by {names[0] if names else 'a signal'}; nothing was recorded"


def run_plainly(
    subject: Subject, folder: WorkingFolder, plain: "PlainNotebook", run: Run, number: int
) -> "PlainRun":
    """Run the notebook from top to bottom in one kernel, in its working folder.

    Args:
        subject: What is verified.
        folder: Its working folder.
        plain: The notebook as it runs plainly.
        run: The pipeline's run, which came before.
        number: How many plain runs came before.

    Raises:
        BackendError: If there is no kernel.
        RunInterruptedError: If a signal stopped it.
    """
    from kernelpipe.backends.local.runtime_copy import install_runtime  # noqa: PLC0415 - as above

    again = " once more" if number else ""
    subject.reporter.message(f"from top to bottom in one kernel{again}: {plain.count} cells")
    path = folder.begin()
    runtime = install_runtime(subject.bench.scratch / "home")
    directory = subject.bench.scratch / f"plain-{run.id}-{number}"
    return plain.run(
        directory, runtime, lambda place: _execute(subject, place, path, runtime, plain, run)
    )


def _execute(
    subject: Subject,
    directory: Path,
    path: Path,
    runtime: Path,
    plain: "PlainNotebook",
    run: Run,
) -> "Ending":
    """Execute the plain notebook in ``directory``, where a signal ends it at once."""
    from kernelpipe.backends.local.session import KernelStartError  # noqa: PLC0415 - as above
    from kernelpipe.backends.local.signals import on_stop_signal  # noqa: PLC0415 - likewise

    signals: list[str] = []
    session = _session(subject, directory, path, runtime, _told_steps(subject, plain), run)

    def stop(name: str) -> None:
        signals.append(name)
        session.kill()

    try:
        with on_stop_signal(stop):
            ending = session.execute()
    except KernelStartError as error:
        raise BackendError(f"the kernel for the plain run did not start: {error}") from error
    if signals:
        raise RunInterruptedError(_stopped(signals[0]))
    return ending


def _told_steps(subject: Subject, plain: "PlainNotebook") -> Callable[[int], None]:
    """Return what tells the reporter, before a cell runs, when another step begins."""
    last: list[StepName | None] = [None]

    def tell(index: int) -> None:
        step = plain.owners.get(index)
        if step is not None and step != last[0]:
            last[0] = step
            subject.reporter.message(f"cell {index} ({step})")

    return tell


def _session(
    subject: Subject,
    directory: Path,
    path: Path,
    runtime: Path,
    on_cell_started: Callable[[int], None],
    run: Run,
) -> "StepSession":
    from kernelpipe.backends.local.engine import BASE_ENV  # noqa: PLC0415 - as above
    from kernelpipe.backends.local.exiting import RUN_REASON, RUN_STATE  # noqa: PLC0415 - likewise
    from kernelpipe.backends.local.kernels import installed_kernel  # noqa: PLC0415 - likewise
    from kernelpipe.backends.local.session import Session  # noqa: PLC0415 - likewise

    kernel, _ = installed_kernel(subject.pipeline.kernel_name)
    env = {entry.key: entry.value for step in subject.pipeline.steps for entry in step.settings.env}
    if any(step.is_exit for step in subject.pipeline.steps):
        env |= {RUN_STATE: run.state.value, RUN_REASON: ""}
    if subject.bench.is_plain_warm:
        engine = _engine(subject, path, runtime)
        return engine.session(
            directory,
            env=env,
            on_cell_started=on_cell_started,
            on_cell=lambda _: None,
            memory_bytes=None,
        )
    return Session(
        directory,
        kernel=kernel,
        working_directory=path,
        env=BASE_ENV | env,
        on_cell=lambda _: None,
        on_cell_started=on_cell_started,
    )


def _engine(subject: Subject, path: Path, runtime: Path) -> "Engine":
    """Return what forks steps, with what all notebooks of the bench import."""
    from kernelpipe.backends.local.engine import Mode  # noqa: PLC0415 - as above
    from kernelpipe.backends.local.kernels import installed_kernel  # noqa: PLC0415 - likewise

    modules = {module for task in subject.tasks for module in task.modules}
    return subject.bench.machine.engine(
        kernel=installed_kernel(subject.pipeline.kernel_name)[0],
        working_directory=path,
        runtime=runtime,
        modules=sorted(modules.union(subject.bench.modules)),
        mode=Mode(subject.engine),
        on_note=subject.reporter.message,
    )
