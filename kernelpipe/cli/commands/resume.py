"""``kernelpipe resume``: continue a run that failed, was stopped or was killed."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.run_arguments import add_reporting, add_running, given_options
from kernelpipe.cli.running import report_run


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "run",
        nargs="?",
        default="latest",
        metavar="RUN",
        help="a run's id or its beginning (default: the latest)",
    )
    add_running(parser)
    add_reporting(parser)


def execute(arguments: Namespace) -> int:
    """Continue it, report on it; the exit code says how it went."""
    options = given_options(arguments)
    return report_run(
        lambda reporter: api.resume(
            arguments.run,
            reporter=reporter,
            on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
            **options,
        ),
        as_json=arguments.json,
    )
