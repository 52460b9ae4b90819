"""What can be done with a notebook without running it: check it, draw its graph, compile it."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kernelpipe.analysis import build_pipeline
from kernelpipe.errors import CompileError, NotebookReadError, UsageError
from kernelpipe.model.diagnostic import Diagnostic, Severity, in_notebook_order
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.notebook import read_notebook, replace_file

PathLike = str | os.PathLike[str]
OnDiagnostic = Callable[[Diagnostic], None]
OnMerged = Callable[[Mapping[str, tuple[StepName, ...]]], None]


def check(path: PathLike) -> tuple[Diagnostic, ...]:
    """Return every finding about a notebook, in notebook order.

    A file that is not a readable notebook is a finding (KP100), too, so that many notebooks can be
    checked in one go.
    """
    try:
        return graph(path).diagnostics
    except NotebookReadError as error:
        return (
            Diagnostic(
                code="KP100",
                severity=Severity.ERROR,
                message=error.reason,
                location=Location(path=error.path),
                hint=error.hint,
            ),
        )


def graph(path: PathLike, *, include_tests: bool = True) -> Pipeline:
    """Return the pipeline that a notebook means, whatever is wrong with it: see ``diagnostics``.

    Args:
        path: The notebook.
        include_tests: Let test cells take part: they run here, but never on a cluster.

    Raises:
        NotebookReadError: If the file is not a readable notebook.
    """
    return build_pipeline(read_notebook(Path(path)), include_tests=include_tests)


def compile_notebook(
    notebook: PathLike | Pipeline,
    output: PathLike | None = None,
    *,
    on_diagnostic: OnDiagnostic | None = None,
    merge: bool | None = None,
    on_merged: OnMerged | None = None,
) -> str:
    """Compile a notebook to the YAML text of a Kubeflow pipeline.

    Args:
        notebook: Path of the notebook, or what :func:`graph` returned for it without tests.
        output: Where to write the text; written whole or not at all. None writes nothing.
        on_diagnostic: Is called with each warning, in notebook order.
        merge: Run linear chains of steps in one pod; None means as the notebook's metadata say.
        on_merged: Is called with the tasks that run several steps: name -> steps in order.

    Returns:
        The text; the same notebook gives the same text.

    Raises:
        UsageError: If ``output`` is a notebook or cannot be written.
        NotebookReadError: If the file is not a readable notebook.
        CompileError: If the notebook has errors, or uses what Kubeflow cannot do.
        BackendError: If the text would not be accepted.
    """
    from kernelpipe.backends import kfp  # noqa: PLC0415  # what `graph` does without is loaded late
    from kernelpipe.compiler import lower  # noqa: PLC0415  # likewise

    with _without_collecting():
        pipeline = (
            notebook if isinstance(notebook, Pipeline) else graph(notebook, include_tests=False)
        )
        target = None if output is None else _checked_target(Path(output), pipeline)
        tasks = lower(pipeline)
        text: str = kfp.emit_ir(
            pipeline,
            tasks,
            report=lambda found: report_diagnostics((*pipeline.diagnostics, *found), on_diagnostic),
            merge=pipeline.settings.merge is True if merge is None else merge,
            on_merged=on_merged,
        )
    if target is not None:
        write_atomically(target, text.encode())
    return text


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Turn the garbage collector off: there is no garbage yet, and looking takes a tenth more."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def report_diagnostics(
    diagnostics: tuple[Diagnostic, ...], on_diagnostic: OnDiagnostic | None
) -> None:
    """Hand on warnings; raise all of them if one is an error."""
    if any(d.severity is Severity.ERROR for d in diagnostics):
        raise CompileError(diagnostics=diagnostics)
    if on_diagnostic is not None:
        for diagnostic in in_notebook_order(diagnostics):
            on_diagnostic(diagnostic)


def _checked_target(target: Path, pipeline: Pipeline) -> Path:
    """Return ``target`` if a file can be written there that is not the source notebook."""
    if _is_same_file(target, Path(pipeline.path)):
        raise UsageError(
            f"{target} is the notebook itself, which is never written to",
            hint="name another file",
        )
    if os.path.isdir(target):  # noqa: PTH112  # Path.is_dir raises for names that are too long
        raise UsageError(f"{target} is a folder", hint="name a file in it")
    if not target.parent.is_dir():
        raise UsageError(
            f"cannot write {target}: there is no folder {target.parent}", hint="make it first"
        )
    return target


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written straight.

    Raises:
        UsageError: If it cannot be written.
    """
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
        else:
            replace_file(target, content)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
