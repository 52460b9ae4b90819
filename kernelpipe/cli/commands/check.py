"""``kernelpipe check``: every finding about one or more notebooks."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, one_of
from kernelpipe.cli.diagnostics import DiagnosticPrinter, github_annotation
from kernelpipe.errors import CompileError
from kernelpipe.model.diagnostic import Diagnostic, Severity


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebooks", nargs="+", metavar="NOTEBOOK")
    parser.add_argument(
        "--format",
        type=one_of("text", "json", "github"),
        default="text",
        metavar="text|json|github",
        help="github writes annotations for a workflow (default: text)",
    )
    parser.add_argument("--json", action="store_true", help="the same as --format json")


def execute(arguments: Namespace) -> int:
    """Print the findings; the exit code says whether one is an error."""
    found = [d for notebook in arguments.notebooks for d in api.check(notebook)]
    if arguments.json or arguments.format == "json":
        print(api.to_json(api.check_document(found)))
    elif arguments.format == "github":
        for diagnostic in found:
            print(github_annotation(diagnostic))
    else:
        _print_text(found, len(arguments.notebooks))
    is_wrong = any(d.severity is Severity.ERROR for d in found)
    return CompileError.exit_code if is_wrong else 0


def _print_text(found: list[Diagnostic], count: int) -> None:
    DiagnosticPrinter(sys.stdout).print_all(found)
    if not found:
        print("no findings" if count == 1 else f"no findings in {count} notebooks")
