"""``kernelpipe compile``: the YAML of a Kubeflow pipeline."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.merging import add_merge, describe_merged

if TYPE_CHECKING:
    from kernelpipe.model.diagnostic import Diagnostic
    from kernelpipe.model.names import StepName


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="FILE.yaml",
        help="where to write; - writes to standard output",
    )
    add_merge(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document about it")


def execute(arguments: Namespace) -> int:
    """Write the file and say so."""
    pipeline = api.graph(arguments.notebook, include_tests=False)
    found: list[Diagnostic] = []
    merged: dict[str, tuple[StepName, ...]] = {}
    to_stdout = str(arguments.output) == "-" and not arguments.json
    text = api.compile_notebook(
        pipeline,
        None if to_stdout else arguments.output,
        on_diagnostic=found.append,
        merge=arguments.merge,
        on_merged=merged.update,
    )
    DiagnosticPrinter(sys.stderr).print_all(found)
    if merged:
        print(describe_merged(merged, len(pipeline.steps)), file=sys.stderr)
    if to_stdout:
        sys.stdout.write(text)
        return 0
    size = len(text.encode())
    if arguments.json:
        document = {
            "name": pipeline.name,
            "output": str(arguments.output.absolute()),
            "bytes": size,
            "steps": [step.name for step in pipeline.steps],
            "merged": merged,
        }
        print(api.to_json(document | api.check_document(found)))
    else:
        steps = f"{len(pipeline.steps)} step{'' if len(pipeline.steps) == 1 else 's'}"
        print(f"{arguments.output}: {steps}, {size / 1000:.1f} KB")
    return 0
