"""The options that planning, running and continuing have in common."""

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe.cli.arguments import ArgumentParser, add_home, duration_s, one_of, positive_integer
from kernelpipe.errors import UsageError

if TYPE_CHECKING:
    from kernelpipe.api import RunOptions
    from kernelpipe.model.pipeline import Pipeline


def add_parameters(parser: ArgumentParser) -> None:
    """Declare the options that set parameters."""
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


def add_selection(parser: ArgumentParser) -> None:
    """Declare the options that say which steps run."""
    parser.add_argument(
        "--from",
        dest="start_from",
        action="append",
        default=[],
        metavar="STEP",
        help="run this step and all that come after it anew",
    )
    parser.add_argument(
        "--only",
        "--steps",
        action="append",
        default=[],
        metavar="STEP[,STEP]",
        help="run these steps anew, with the stored results of those before them",
    )
    parser.add_argument(
        "--until",
        action="append",
        default=[],
        metavar="STEP",
        help="run this step and those before it, no others",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="run every step anew, whatever is stored"
    )


def add_running(parser: ArgumentParser, *, has_notify: bool = True) -> None:
    """Declare the options that say how steps run; ``--notify`` is for commands with one run."""
    parser.add_argument(
        "--jobs",
        type=positive_integer,
        metavar="N",
        help="how many steps may run at the same time (default: one per processor, at least 2)",
    )
    add_home(parser, place="beside the notebook")
    parser.add_argument(
        "--timeout",
        type=duration_s,
        metavar="TIME",
        help="stop the run after this time, for example 90s, 10m, 1h30m",
    )
    if has_notify:
        parser.add_argument(
            "--notify",
            action="append",
            default=[],
            metavar="TARGET",
            help="tell URL, slack:URL or command:CMD how the run went (repeatable)",
        )
    parser.add_argument("--no-mlflow", action="store_true", help="do not log the run to MLflow")
    parser.add_argument(
        "--log-values",
        action="store_true",
        help="log tables and models that steps hand on to MLflow, too",
    )
    parser.add_argument(
        "--engine",
        type=one_of("auto", "kernel"),
        default="auto",
        metavar="auto|kernel",
        help="what executes steps: processes forked from a warm one where that is safe (auto), or"
        " always a full kernel each",
    )


def add_reporting(parser: ArgumentParser) -> None:
    """Declare the options of commands that run the notebook once."""
    parser.add_argument(
        "--out", type=Path, metavar="OUT.ipynb", help="write the executed notebook here, too"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="tell why steps run and what executes them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")


def given_options(arguments: Namespace) -> "RunOptions":
    """Return what the options of all groups say; those of a missing group are left out."""
    options: RunOptions = {}
    if "no_cache" in arguments:
        options["only"] = [name for text in arguments.only for name in text.split(",")]
        options["start_from"] = arguments.start_from
        options["until"] = arguments.until
        options["use_cache"] = not arguments.no_cache
    if "timeout" in arguments:
        options["jobs"] = arguments.jobs
        options["home"] = arguments.home
        options["engine"] = arguments.engine
        options["notify"] = arguments.notify
        options["track"] = not arguments.no_mlflow
        options["log_values"] = arguments.log_values
        if arguments.timeout is not None:
            options["timeout_s"] = arguments.timeout
    if "out" in arguments:
        options["out"] = arguments.out
        options["verbose"] = arguments.verbose
    return options


def given_parameters(arguments: Namespace, pipeline: "Pipeline") -> dict[str, object]:
    """Return the parameters that the options set, by name.

    Raises:
        UsageError: If one does not exist or has a value that does not fit.
    """
    from kernelpipe.compiler import parse_parameters  # noqa: PLC0415  # loads the compiler

    values = {}
    if arguments.parameters_file is not None:
        values = _read_parameters(arguments.parameters_file)
    return values | parse_parameters(pipeline, dict(arguments.parameter))


def _read_parameters(path: Path) -> dict[str, object]:
    """Return the values in a YAML or JSON file, by parameter name.

    Raises:
        UsageError: If the file cannot be read, or is not a mapping with text keys.
    """
    from kernelpipe.compiler import parse_yaml  # noqa: PLC0415  # likewise

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
