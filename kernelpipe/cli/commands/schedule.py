"""``kernelpipe schedule``: let a Kubeflow cluster run a notebook at times or in intervals."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.backends.kfp.cluster import TIME_ZONE_NOTE, Schedule, ScheduleOptions
from kernelpipe.cli.arguments import ArgumentParser, add_home, positive_integer
from kernelpipe.cli.cluster_arguments import add_cluster, given_cluster
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.run_arguments import add_parameters, given_parameters
from kernelpipe.errors import UsageError
from kernelpipe.runs.wording import table

_DONE = {"pause": "paused", "resume": "resumed", "delete": "deleted"}
_USAGE = (
    "kernelpipe schedule NOTEBOOK --cron '0 3 * * *', "
    "or kernelpipe schedule list|pause|resume|delete [SCHEDULE]"
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "what",
        metavar="NOTEBOOK|list|pause|resume|delete",
        help="the notebook to run by schedule, or what to do with schedules",
    )
    parser.add_argument("schedule", nargs="*", metavar="SCHEDULE", help="its id or its name")
    add_parameters(parser)
    parser.add_argument(
        "--cron",
        metavar="LINE",
        help=f"when: minute, hour, day of month, month, day of week, {TIME_ZONE_NOTE}",
    )
    parser.add_argument("--every", metavar="TIME", help="how often: 5m, 1h30m, 1d")
    parser.add_argument("--name", metavar="NAME", help="what the schedule is called")
    parser.add_argument(
        "--max-concurrency",
        type=positive_integer,
        metavar="N",
        help="how many of its runs may go on at the same time (default: 1)",
    )
    parser.add_argument(
        "--catch-up",
        action="store_true",
        help="start the runs, too, that were due while it was paused",
    )
    add_home(parser, place="beside the notebook")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_cluster(parser)


def execute(arguments: Namespace) -> int:
    """Make, list or change schedules."""
    most_words = 1 if arguments.what in _DONE else 0
    if len(arguments.schedule) > most_words:
        hint = _USAGE if arguments.cron is None else "quote the crontab line: --cron '0 3 * * *'"
        raise UsageError(f"'{arguments.schedule[most_words]}' is one word too many", hint=hint)
    if arguments.what == "list":
        _refuse_options(arguments)
        return _list(arguments)
    if arguments.what in _DONE:
        _refuse_options(arguments)
        return _change(arguments)
    return _make(arguments)


def _make(arguments: Namespace) -> int:
    pipeline = api.graph(arguments.what, include_tests=False)
    parameters = {} if pipeline.errors() else given_parameters(arguments, pipeline)
    made = api.schedule(
        pipeline,
        parameters,
        cron=arguments.cron,
        every=arguments.every,
        name=arguments.name,
        cluster=given_cluster(arguments),
        options=ScheduleOptions(
            max_concurrency=arguments.max_concurrency or 1, catches_up=arguments.catch_up
        ),
        home=arguments.home,
        on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
    )
    if arguments.json:
        print(api.to_json(api.schedule_document(made)))
    else:
        print(f"schedule {made.id}: '{made.name}' runs {made.trigger}")
        if made.trigger is not None and made.trigger.cron is not None:
            print(f"that is {made.trigger.words}")
        print("it runs the notebook as it is now: schedule it anew after changing it")
    return 0


def _list(arguments: Namespace) -> int:
    found = api.schedules(given_cluster(arguments))
    if arguments.json:
        print(api.to_json({"schedules": [api.schedule_document(each) for each in found]}))
    elif found:
        heads = ("SCHEDULE", "NAME", "STATE", "WHEN")
        print("\n".join(table([heads, *map(_row, found)], indent="")))
    else:
        print("there are no schedules on the cluster", file=sys.stderr)
    return 0


def _row(found: Schedule) -> tuple[str, str, str, str]:
    state = "on" if found.is_enabled else "paused"
    when = "as the cluster knows" if found.trigger is None else str(found.trigger)
    return (found.id, found.name, state, f"{when}: {found.message}" if found.message else when)


def _change(arguments: Namespace) -> int:
    change: str = arguments.what
    if not arguments.schedule:
        raise UsageError(f"'schedule {change}' needs to know which one", hint=_USAGE)
    found = api.change_schedule(arguments.schedule[0], change, given_cluster(arguments))
    if arguments.json:
        print(api.to_json({"schedule_id": found.id, "name": found.name, "done": _DONE[change]}))
    else:
        print(f"schedule {found.id}: '{found.name}' is {_DONE[change]}; its runs are left alone")
    return 0


def _refuse_options(arguments: Namespace) -> None:
    """Refuse what only makes sense for a new schedule."""
    given = {
        "--cron": arguments.cron,
        "--every": arguments.every,
        "--name": arguments.name,
        "--max-concurrency": arguments.max_concurrency,
        "--catch-up": arguments.catch_up,
        "--home": arguments.home,
        "-p": arguments.parameter,
        "-f": arguments.parameters_file,
    }
    for option, value in given.items():
        if value:
            raise UsageError(f"'schedule {arguments.what}' takes no {option}", hint=_USAGE)
