"""``kernelpipe plan``: which steps a run would execute now, and why."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.plans import describe_plan
from kernelpipe.cli.run_arguments import (
    add_parameters,
    add_running,
    add_selection,
    given_options,
    given_parameters,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    add_parameters(parser)
    add_selection(parser)
    add_running(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Plan it and print the plan."""
    pipeline = api.graph(arguments.notebook)
    plan = api.plan(
        pipeline,
        {} if pipeline.errors() else given_parameters(arguments, pipeline),
        on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
        **given_options(arguments),
    )
    print(api.to_json(api.plan_document(plan)) if arguments.json else describe_plan(plan))
    return 0
