"""``kernelpipe runs``: what was run, how it went, and what differed."""

import json
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, duration_s, one_of, positive_integer
from kernelpipe.cli.comparisons import describe_comparison
from kernelpipe.cli.reports import (
    describe_cells,
    describe_failures,
    describe_origin,
    describe_parameters,
    describe_run,
    describe_runs,
)
from kernelpipe.errors import UsageError
from kernelpipe.model.run import UNFINISHED, Run, RunState
from kernelpipe.runs import LATEST
from kernelpipe.runs.wording import counted

_NAMES = "a run's id, its beginning, 'latest' or 'latest~N'"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """What can be done: ``options`` besides those of all, at most ``words_count`` free words."""

    execute: Callable[[Namespace], int]
    usage: str
    options: frozenset[str] = frozenset()
    words_count: int | None = 0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action",
        nargs="?",
        type=one_of(*_ACTIONS),
        default="list",
        metavar="|".join(_ACTIONS),
        help="; ".join(action.usage for action in _ACTIONS.values()),
    )
    parser.add_argument("words", nargs="*", metavar="RUN", help=_NAMES)
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="where runs are kept (default: .kernelpipe in this folder, or beside the notebook)",
    )
    parser.add_argument("--notebook", type=Path, metavar="NB", help="only runs of this notebook")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--limit", type=positive_integer, metavar="N", help="list: at most so many")
    parser.add_argument(
        "--state",
        type=one_of(*(state.value for state in RunState)),
        metavar="STATE",
        help="list, rm: only runs in this state",
    )
    parser.add_argument("--batch", metavar="ID", help="list, rm: only runs of this batch")
    parser.add_argument(
        "--older-than", type=duration_s, metavar="TIME", help="rm: started longer ago, as in 30d"
    )
    parser.add_argument(
        "--cells", action="store_true", default=None, help="show: the slowest cells, too"
    )
    parser.add_argument(
        "--all-attempts", action="store_true", default=None, help="logs: of earlier attempts, too"
    )


def execute(arguments: Namespace) -> int:
    """Do what the action says."""
    action = _ACTIONS[arguments.action]
    for option in ("limit", "state", "batch", "older_than", "cells", "all_attempts"):
        if getattr(arguments, option) is not None and option not in action.options:
            raise UsageError(
                f"'runs {arguments.action}' takes no --{option.replace('_', '-')}",
                hint=f"kernelpipe runs {action.usage}",
            )
    words = arguments.words
    if action.words_count is not None and len(words) > action.words_count:
        hint = f"kernelpipe runs {action.usage}"
        if arguments.action == "list":
            hint = f"kernelpipe runs show {words[0]}"
        raise UsageError(
            f"'runs {arguments.action}' takes no run, got '{words[0]}'"
            if action.words_count == 0
            else f"'{words[action.words_count]}' is one word too many",
            hint=hint,
        )
    return action.execute(arguments)


def _list(arguments: Namespace) -> int:
    store = api.find_runs(arguments.notebook or "notebook.ipynb", home=arguments.home)
    runs = _selected(arguments)[: arguments.limit]
    if arguments.json:
        print(api.to_json({"runs": [api.run_summary_document(run) for run in runs]}))
    elif runs:
        print(describe_runs(runs, show_time=_local_time))
    elif store.list_runs():
        print(f"there are no such runs in {store.home}", file=sys.stderr)
    else:
        print(f"there are no runs in {store.home}; --home names another folder", file=sys.stderr)
    return 0


def _show(arguments: Namespace) -> int:
    run = _named(arguments, arguments.words[0] if arguments.words else LATEST)
    if arguments.json:
        print(api.to_json(api.run_document(run)))
        return 0
    parts = [describe_run(run), describe_origin(run), describe_parameters(run)]
    if arguments.cells:
        parts.append(describe_cells(run) or "no figures of its cells were recorded")
    parts.append(describe_failures(run))
    print("\n".join(part for part in parts if part))
    return 0


def _diff(arguments: Namespace) -> int:
    before, after = [*arguments.words, LATEST][:2] if arguments.words else (f"{LATEST}~1", LATEST)
    comparison = api.diff(before, after, home=arguments.home, notebook=arguments.notebook)
    if arguments.json:
        print(api.to_json(api.comparison_document(comparison)))
    else:
        later = _named(arguments, comparison.after)
        print(describe_comparison(comparison, source=later.source))
    return 0


def _logs(arguments: Namespace) -> int:
    words: Sequence[str] = arguments.words
    run = _named(arguments, words[0] if words else LATEST)
    step = words[1] if len(words) > 1 else None
    logs = api.find_logs(run, step, all_attempts=bool(arguments.all_attempts))
    if arguments.json:
        print(api.to_json({"run_id": run.id, "logs": [_log_document(log) for log in logs]}))
        return 0
    for log in logs:
        if len(logs) > 1:
            attempt = f", attempt {log.attempt}" if arguments.all_attempts else ""
            print(f"=== {log.step}{attempt}")
        with log.path.open(encoding="utf-8", errors="backslashreplace") as file:
            shutil.copyfileobj(file, sys.stdout)
    for name in (step,) if step else (each.name for each in run.steps if each.is_cached):
        _say_where(run, name, is_shown=any(log.step == name for log in logs))
    return 0


def _say_where(run: Run, name: str, *, is_shown: bool) -> None:
    """Say why a step has no log here."""
    step = next(each for each in run.steps if each.name == name)
    if is_shown:
        return
    made_in = json.loads(step.facts).get("made_in")
    if step.is_cached and made_in:
        where = f"its log: kernelpipe runs logs {made_in} {name}"
        print(f"step '{name}' was found, not run; {where}", file=sys.stderr)
    else:
        print(f"step '{name}' has no log: it is {step.state.value}", file=sys.stderr)


def _log_document(log: api.StepLog) -> Mapping[str, object]:
    return {
        "step": log.step,
        "attempt": log.attempt,
        "path": str(log.path),
        "text": log.path.read_text(encoding="utf-8", errors="backslashreplace"),
    }


def _remove(arguments: Namespace) -> int:
    hint = f"kernelpipe runs {_ACTIONS['rm'].usage}"
    choice = (arguments.older_than, arguments.state, arguments.batch)
    if arguments.words and any(value is not None for value in choice):
        raise UsageError("'runs rm' takes either runs or a choice of runs, not both", hint=hint)
    if not arguments.words and all(value is None for value in (*choice, arguments.notebook)):
        raise UsageError("'runs rm' needs to know which runs", hint=hint)
    store = api.find_runs(arguments.notebook or "notebook.ipynb", home=arguments.home)
    if arguments.words:
        named = [_named(arguments, word) for word in arguments.words]
        runs = list({run.id: run for run in named}.values())
    else:
        runs = _ended_before(_selected(arguments), arguments.older_than)
    api.remove_runs(store, runs, on_removed=None if arguments.json else _say_removed)
    if arguments.json:
        print(api.to_json({"removed": [run.id for run in runs]}))
        return 0
    print(f"{counted(len(runs), 'run')} removed", file=sys.stderr)
    return 0


def _say_removed(run: Run) -> None:
    started = _local_time(run.started_at)
    print(f"removed run {run.id}: {run.pipeline}, {run.state.value}, started {started}")


def _ended_before(runs: Sequence[Run], older_than_s: float | None) -> list[Run]:
    """Return the runs that may be removed; say which others were meant."""
    oldest = time.time() - (older_than_s or 0.0)
    found = [run for run in runs if older_than_s is None or run.started_at < oldest]
    for run in found:
        if run.state in UNFINISHED:
            print(f"run {run.id} is still {run.state.value} and is kept", file=sys.stderr)
    return [run for run in found if run.state not in UNFINISHED]


def _selected(arguments: Namespace) -> tuple[Run, ...]:
    return api.select_runs(
        api.find_runs(arguments.notebook or "notebook.ipynb", home=arguments.home),
        notebook=arguments.notebook,
        state=None if arguments.state is None else RunState(arguments.state),
        batch=arguments.batch,
    )


def _named(arguments: Namespace, reference: str) -> Run:
    return api.find_run(reference, home=arguments.home, notebook=arguments.notebook)


def _local_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


_ACTIONS = {
    "list": _Action(
        execute=_list,
        usage="list [--limit N] [--state STATE] [--notebook NB] [--batch ID]",
        options=frozenset({"limit", "state", "batch"}),
    ),
    "show": _Action(
        execute=_show, usage="show [RUN] [--cells]", options=frozenset({"cells"}), words_count=1
    ),
    "diff": _Action(execute=_diff, usage="diff [RUN [RUN]]", words_count=2),
    "logs": _Action(
        execute=_logs,
        usage="logs [RUN [STEP]] [--all-attempts]",
        options=frozenset({"all_attempts"}),
        words_count=2,
    ),
    "rm": _Action(
        execute=_remove,
        usage="rm RUN... | rm [--older-than TIME] [--state STATE] [--notebook NB] [--batch ID]",
        options=frozenset({"older_than", "state", "batch"}),
        words_count=None,
    ),
}
