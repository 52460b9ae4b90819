"""``kernelpipe run``: the notebook as a pipeline on this machine."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, positive_integer
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.progress import choose_reporter
from kernelpipe.cli.reports import describe_failures, describe_run
from kernelpipe.compiler import parse_parameters, parse_yaml
from kernelpipe.errors import RunError, RunInterruptedError, UsageError
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import RunState

_EXIT_CODES = {
    RunState.SUCCEEDED: 0,
    RunState.CANCELED: RunInterruptedError.exit_code,
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_pairs(
        "-p",
        "--parameter",
        metavar=("NAME", "VALUE"),
        help_text="set a parameter (repeatable); the value is read as YAML",
    )
    parser.add_argument(
        "-f",
        "--parameters-file",
        type=Path,
        metavar="FILE",
        help="set parameters from a YAML or JSON mapping; -p wins",
    )
    parser.add_argument(
        "--jobs",
        type=positive_integer,
        metavar="N",
        help="how many steps may run at the same time (default: one per processor, at least 2)",
    )
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="where runs are kept (default: .kernelpipe)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="OUT.ipynb", help="write the executed notebook here, too"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")


def execute(arguments: Namespace) -> int:
    """Run it, report on it; the exit code says how it went."""
    pipeline = api.graph(arguments.notebook)
    reporter = choose_reporter(sys.stderr)
    try:
        run = api.run(
            pipeline,
            {} if pipeline.errors() else _given_parameters(arguments, pipeline),
            jobs=arguments.jobs,
            home=arguments.home,
            out=arguments.out,
            reporter=reporter,
            on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
        )
    except RunInterruptedError as error:
        if reporter.run is None:
            raise
        print(error, file=sys.stderr)
        run = reporter.run
    failures = describe_failures(run)
    if failures:
        print(failures, file=sys.stderr)
    print(api.to_json(api.run_document(run)) if arguments.json else describe_run(run))
    return _EXIT_CODES.get(run.state, RunError.exit_code)


def _given_parameters(arguments: Namespace, pipeline: Pipeline) -> dict[str, object]:
    values = {}
    if arguments.parameters_file is not None:
        values = _read_parameters(arguments.parameters_file)
    return values | parse_parameters(pipeline, dict(arguments.parameter))


def _read_parameters(path: Path) -> dict[str, object]:
    """Return the values in a YAML or JSON file, by parameter name.

    Raises:
        UsageError: If the file cannot be read, or is not a mapping with text keys.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        values = json.loads(text) if path.suffix == ".json" else parse_yaml(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise UsageError(f"{path} does not map parameter names to values", hint="write 'name: 1'")
    return values
