"""Shows a run while it goes on and reports on it when it has ended."""

import sys
from collections.abc import Callable

from kernelpipe import api
from kernelpipe.backends.local import Reporter
from kernelpipe.cli.progress import choose_reporter
from kernelpipe.cli.reports import describe_failures, describe_run
from kernelpipe.errors import RunError, RunInterruptedError
from kernelpipe.model.run import Run, RunState

_EXIT_CODES = {
    RunState.SUCCEEDED: 0,
    RunState.CANCELED: RunInterruptedError.exit_code,
}


def report_determinism(start: Callable[[Reporter], api.DeterminismCheck], *, as_json: bool) -> int:
    """Run twice and print what differed; the exit code is 5 if a value or a metric did.

    Args:
        start: Runs it, given who is to be told.
        as_json: Print one JSON document.
    """
    checked = start(choose_reporter(sys.stderr))
    if checked.second is None:
        print(describe_failures(checked.first), file=sys.stderr)
        return RunError.exit_code
    if as_json:
        print(api.to_json(api.determinism_document(checked)))
    for each in () if as_json else checked.found:
        print(f"{each.step}: {each.what} differs between two executions with the same inputs")
    is_same = all(each.is_output_only for each in checked.found)
    if is_same and not as_json:
        print(f"every value and metric of {len(checked.first.steps)} steps was the same twice")
    return 0 if is_same else RunError.exit_code


def report_run(
    start: Callable[[Reporter], Run],
    *,
    as_json: bool,
    on_success: Callable[[Run], None] | None = None,
) -> int:
    """Carry out a run and print how it went; the exit code says it, too.

    Args:
        start: Runs it, given who is to be told.
        as_json: Print one JSON document.
        on_success: Called with the run when it has SUCCEEDED and all is printed.
    """
    reporter = choose_reporter(sys.stderr)
    try:
        run = start(reporter)
    except RunInterruptedError as error:
        if reporter.run is None:
            raise
        print(error, file=sys.stderr)
        run = reporter.run
    failures = describe_failures(run)
    if failures:
        print(failures, file=sys.stderr)
    print(describe_as_json(run) if as_json else describe_run(run))
    if on_success is not None and run.state is RunState.SUCCEEDED:
        sys.stdout.flush()
        on_success(run)
    return _EXIT_CODES.get(run.state, RunError.exit_code)


def describe_as_json(run: Run) -> str:
    """Return the run's document."""
    return api.to_json(api.run_document(run))
