"""``kernelpipe parity``: whether the YAML gives what a run on this machine gives."""

import sys
from argparse import Namespace
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.merging import add_merge, describe_merged
from kernelpipe.cli.parity_reports import describe_parity
from kernelpipe.cli.progress import choose_reporter
from kernelpipe.cli.run_arguments import add_parameters, given_parameters

DIFFERENT = 5


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    add_parameters(parser)
    add_merge(parser)
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep the files of both runs in this new directory",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Run both and say what was compared and what differs; the exit code says it, too."""
    pipeline = api.graph(arguments.notebook, include_tests=False)
    parameters = {} if pipeline.errors() else given_parameters(arguments, pipeline)
    check = api.parity(
        pipeline,
        parameters,
        keep=arguments.keep,
        reporter=choose_reporter(sys.stderr),
        on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
        merge=arguments.merge,
    )
    if check.merged:
        print(describe_merged(check.merged, len(check.run.steps)), file=sys.stderr)
    if arguments.json:
        print(api.to_json(api.parity_document(check)))
    else:
        print(describe_parity(check, kept=arguments.keep))
    return DIFFERENT if check.found else 0
