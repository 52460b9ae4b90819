"""``kernelpipe sync``: deliver to MLflow what earlier runs could not."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.api.tracking import SYNC_TIMEOUT_S, sync, sync_document
from kernelpipe.cli.arguments import ArgumentParser, add_home, duration_s
from kernelpipe.errors import BackendError
from kernelpipe.runs.tracking.syncing import Hindrance, Sync


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_home(parser, place="in this folder")
    parser.add_argument(
        "--timeout",
        type=duration_s,
        default=SYNC_TIMEOUT_S,
        metavar="TIME",
        help="how long to go on, for example 90s, 10m (default: 60s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Deliver, tell what was delivered and what was not; the exit code says whether all was."""
    outcome = sync(home=arguments.home, timeout_s=arguments.timeout)
    for left in outcome.left:
        print(f"run {left.run_id} is not delivered: {left.reason}", file=sys.stderr)
    print(api.to_json(sync_document(outcome)) if arguments.json else _describe(outcome))
    is_done = all(left.kind is Hindrance.RUNNING for left in outcome.left)
    return 0 if is_done else BackendError.exit_code


def _describe(outcome: Sync) -> str:
    lines = []
    for each in outcome.delivered:
        lines.append(f"run {each.run_id} is logged to {each.uri} as {each.mlflow_run_id}")
        lines += [f"  {note}" for note in each.notes]
    return "\n".join(lines) or "nothing was delivered"
