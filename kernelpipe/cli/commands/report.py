"""``kernelpipe report``: one HTML page about a run."""

from argparse import Namespace
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, add_home
from kernelpipe.runs import LATEST
from kernelpipe.runs.wording import size


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "run",
        nargs="?",
        default=LATEST,
        metavar="RUN",
        help="a run's id, its beginning, 'latest' (the default) or 'latest~N'",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.html",
        help="where to write it (default: report.html in the run's directory)",
    )
    parser.add_argument(
        "--against",
        metavar="RUN",
        help="compare with this run (default: the last that succeeded before it)",
    )
    add_home(parser, place="in this folder, or beside the notebook")
    parser.add_argument("--notebook", type=Path, metavar="NB", help="only runs of this notebook")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Write it and say where it is."""
    written = api.report(
        arguments.run,
        arguments.output,
        against=arguments.against,
        home=arguments.home,
        notebook=arguments.notebook,
    )
    if arguments.json:
        document = {
            "run_id": written.run.id,
            "against": None if written.other is None else written.other.id,
            "report": str(written.path),
            "bytes": written.size_bytes,
        }
        print(api.to_json(document))
    else:
        print(f"{written.path}: run {written.run.id}, {size(written.size_bytes)}")
    return 0
