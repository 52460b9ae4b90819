"""``kernelpipe verify``: whether the pipeline gives what the notebook gives, run plainly."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, one_of
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.progress import choose_reporter
from kernelpipe.cli.run_arguments import add_parameters, given_parameters
from kernelpipe.cli.verify_reports import describe_verification
from kernelpipe.errors import RunError
from kernelpipe.model.run import RunState


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    add_parameters(parser)
    parser.add_argument(
        "--twice",
        action="store_true",
        help="run it plainly twice, to tell what differs anyway from what the pipeline changes",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=api.USUAL_TOLERANCE,
        metavar="PART",
        help="how far floats may be from each other, as a part of them (default: %(default)g);"
        " 0 asks for the same bits and digits",
    )
    parser.add_argument(
        "--engine",
        type=one_of("auto", "kernel"),
        default="auto",
        metavar="auto|kernel",
        help="what executes the pipeline's steps, as for run",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Run it both ways and say what was compared and what differs; the exit code says it, too."""
    pipeline = api.graph(arguments.notebook)
    parameters = {} if pipeline.errors() else given_parameters(arguments, pipeline)
    found = api.verify(
        arguments.notebook,
        parameters,
        twice=arguments.twice,
        relative=arguments.tolerance,
        engine=arguments.engine,
        reporter=choose_reporter(sys.stderr),
        on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
    )
    if arguments.json:
        print(api.to_json(api.verification_document(found)))
    else:
        print(describe_verification(found))
    is_good = found.is_same and found.state is RunState.SUCCEEDED
    return 0 if is_good else RunError.exit_code
