"""``kernelpipe runs``: what was run, and how it went."""

import sys
import time
from argparse import Namespace
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, one_of
from kernelpipe.cli.reports import (
    describe_failures,
    describe_parameters,
    describe_run,
    describe_runs,
)
from kernelpipe.errors import UsageError
from kernelpipe.runs import LATEST, RunStore


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action", nargs="?", type=one_of("list", "show"), default="list", metavar="list|show"
    )
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's id or its beginning (default: the latest)"
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="where runs are kept (default: .kernelpipe in this folder)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """List the runs, or show one."""
    store = api.find_runs(Path("notebook.ipynb"), home=arguments.home)
    if arguments.action == "show":
        return _show(store, arguments)
    if arguments.run is not None:
        raise UsageError(
            f"'runs list' takes no run, got '{arguments.run}'",
            hint=f"kernelpipe runs show {arguments.run}",
        )
    return _list(store, arguments)


def _list(store: RunStore, arguments: Namespace) -> int:
    runs = store.list_runs()
    if arguments.json:
        print(api.to_json({"runs": [api.run_summary_document(run) for run in runs]}))
    elif runs:
        print(describe_runs(runs, show_time=_local_time))
    else:
        print(f"there are no runs in {store.home}; --home names another folder", file=sys.stderr)
    return 0


def _show(store: RunStore, arguments: Namespace) -> int:
    run = store.load(arguments.run or LATEST)
    if arguments.json:
        print(api.to_json(api.run_document(run)))
        return 0
    parts = [describe_run(run), describe_parameters(run), describe_failures(run)]
    print("\n".join(part for part in parts if part))
    return 0


def _local_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
