"""``kernelpipe batch``: the notebook as a pipeline at many points."""

import sys
from argparse import Namespace
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.batch_reports import (
    BatchLines,
    batch_table,
    describe_batch,
    describe_failed_points,
    resume_command,
)
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.run_arguments import add_running
from kernelpipe.compiler import parse_parameters
from kernelpipe.errors import RunError, RunInterruptedError, UsageError
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import RunState
from kernelpipe.notebook import replace_file

_EXIT_CODES = {
    RunState.SUCCEEDED: 0,
    RunState.CANCELED: RunInterruptedError.exit_code,
}
_TABLES = (".csv", ".json")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument(
        "-f",
        "--points",
        type=Path,
        metavar="FILE",
        help="points: a list of mappings (.yaml, .json), one per line (.jsonl), or a table (.csv,"
        " .tsv)",
    )
    parser.add_argument(
        "--grid",
        action="append",
        metavar="NAME=VALUE,VALUE",
        help="values to combine with those of every other --grid and with every point of the file"
        " (repeatable; 1..5 for whole numbers)",
    )
    parser.add_pairs(
        "-p",
        "--parameter",
        metavar=("NAME", "VALUE"),
        help_text="set a parameter at all points (repeatable); the value is read as YAML",
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="latest",
        metavar="BATCH",
        help="continue this batch (default: the last that ended early), also with the notebook"
        " changed; without this option, the same command continues what ended early",
    )
    stopping = parser.add_mutually_exclusive_group()
    stopping.add_argument(
        "--fail-fast", action="store_true", help="start no further point once one has failed"
    )
    stopping.add_argument(
        "--keep-going",
        dest="fail_fast",
        action="store_false",
        help="run every point, whatever becomes of the others (default)",
    )
    add_running(parser, has_notify=False)
    parser.add_argument(
        "--no-cache", action="store_true", help="run every step anew, whatever is stored"
    )
    parser.add_argument(
        "--out-dir",
        type=Path,
        metavar="DIR",
        help="write the executed notebooks here, too, named after the points",
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="write the table to a .csv or .json file"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="tell why steps run and what executes them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")


def execute(arguments: Namespace) -> int:
    """Run it, report on it; the exit code says how it went."""
    from kernelpipe.compiler.points import parse_grid  # noqa: PLC0415  # `--help` does without

    _check_table(arguments.table)
    pipeline = api.graph(arguments.notebook)
    is_broken = bool(pipeline.errors())  # then its parameters may not be known
    lines = BatchLines(sys.stderr)
    batch = api.batch(
        pipeline,
        arguments.points,
        grid=None if is_broken or not arguments.grid else parse_grid(pipeline, arguments.grid),
        parameters=None if is_broken else _fixed(arguments, pipeline),
        reporter=lines,
        on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
        jobs=arguments.jobs,
        home=arguments.home,
        out_dir=arguments.out_dir,
        fail_fast=arguments.fail_fast,
        resume=arguments.resume,
        use_cache=not arguments.no_cache,
        timeout_s=arguments.timeout,
        track=not arguments.no_mlflow,
        log_values=arguments.log_values,
        engine=arguments.engine,
        verbose=arguments.verbose,
    )
    failures = describe_failed_points(batch)
    if failures:
        lines.message(failures)
    if batch.state is not RunState.SUCCEEDED:
        lines.message(f"to continue: {resume_command(batch)}")
    print(api.to_json(api.batch_document(batch)) if arguments.json else describe_batch(batch))
    if arguments.table is not None:
        _write_table(arguments.table, batch_table(batch, arguments.table.suffix.lower()))
    return _EXIT_CODES.get(batch.state, RunError.exit_code)


def _fixed(arguments: Namespace, pipeline: Pipeline) -> dict[str, object] | None:
    return parse_parameters(pipeline, dict(arguments.parameter)) or None


def _check_table(path: Path | None) -> None:
    """Refuse, before anything runs, a table that could not be written."""
    if path is None:
        return
    if path.suffix.lower() not in _TABLES:
        raise UsageError(f"--table {path}: the file ends with .csv or .json")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(
            f"the table cannot be written to {path}",
            hint="--table names a file in a folder that exists",
        )


def _write_table(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
