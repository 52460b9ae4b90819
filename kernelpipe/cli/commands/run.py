"""``kernelpipe run``: the notebook as a pipeline on this machine."""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.cli import reruns
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.run_arguments import (
    add_parameters,
    add_reporting,
    add_running,
    add_selection,
    given_options,
    given_parameters,
)

if TYPE_CHECKING:
    from kernelpipe.model.pipeline import Pipeline
    from kernelpipe.model.run import Run


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    add_parameters(parser)
    add_selection(parser)
    add_running(parser)
    parser.add_argument(
        "--check-determinism",
        action="store_true",
        help="run every step twice with the same inputs and tell what differs",
    )
    add_reporting(parser)


def execute(arguments: Namespace) -> int:
    """Run it, report on it; the exit code says how it went."""
    words = _words(arguments)
    home = arguments.home or Path(arguments.notebook).absolute().parent / ".kernelpipe"
    repeated = reruns.repeat(str(home), words) if words else None
    if repeated is not None:
        print(repeated)
        return 0
    from kernelpipe import api  # noqa: PLC0415  # slow to load
    from kernelpipe.cli.diagnostics import DiagnosticPrinter  # noqa: PLC0415  # likewise
    from kernelpipe.cli.running import report_determinism, report_run  # noqa: PLC0415  # likewise

    pipeline = api.graph(arguments.notebook)
    parameters = {} if pipeline.errors() else given_parameters(arguments, pipeline)
    options = given_options(arguments)
    print_one = DiagnosticPrinter(sys.stderr).print_one
    if arguments.check_determinism:
        return report_determinism(
            lambda reporter: api.check_determinism(
                pipeline, parameters, reporter=reporter, on_diagnostic=print_one, **options
            ),
            as_json=arguments.json,
        )
    return report_run(
        lambda reporter: api.run(
            pipeline, parameters, reporter=reporter, on_diagnostic=print_one, **options
        ),
        as_json=arguments.json,
        on_success=lambda run: _remember(pipeline, run, words, arguments) if words else None,
    )


def _words(arguments: Namespace) -> list[str]:
    """Return all that is asked for, [] if it asks for more than can be repeated as it was."""
    wishes = (arguments.no_cache, arguments.only, arguments.start_from, arguments.until)
    extras = (arguments.check_determinism, arguments.out, arguments.verbose, arguments.notify)
    if os.environ.get("KERNELPIPE_NOTIFY") or any(wishes) or any(extras):
        return []
    return [
        str(Path.cwd()),
        *(f"{name}={value}" for name, value in sorted(vars(arguments).items())),
    ]


def _remember(pipeline: "Pipeline", run: "Run", words: list[str], arguments: Namespace) -> None:
    """Write down how the run would be repeated, unless there is more to it than files."""
    from kernelpipe.cli.reports import describe_run  # noqa: PLC0415  # slow to load
    from kernelpipe.cli.rerun_memory import remember  # noqa: PLC0415  # likewise
    from kernelpipe.cli.running import describe_as_json  # noqa: PLC0415  # likewise
    from kernelpipe.runs.tracking.destination import is_tracking_possible  # noqa: PLC0415

    has_listeners = any(entry.key == "notify" for entry in pipeline.settings.other)
    is_tracked = not arguments.no_mlflow and is_tracking_possible(os.environ)
    if pipeline.diagnostics or has_listeners or is_tracked:
        return  # more is to be done each time than to record the run
    files = [Path(arguments.notebook).absolute()]
    if arguments.parameters_file is not None:
        files.append(arguments.parameters_file.absolute())
    describe = describe_as_json if arguments.json else describe_run
    remember(pipeline, run, words, files=files, describe=describe)
