"""``kernelpipe runs``: what was run, how it went, and what differed."""

import json
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, add_home, duration_s, one_of, positive_integer
from kernelpipe.cli.comparisons import describe_comparison
from kernelpipe.cli.reports import (
    describe_cells,
    describe_failures,
    describe_items,
    describe_origin,
    describe_parameters,
    describe_run,
    describe_runs,
    local_time,
)
from kernelpipe.errors import BackendError, UsageError
from kernelpipe.model.run import UNFINISHED, Run, RunState, parts_of
from kernelpipe.runs import LATEST
from kernelpipe.runs.schedules import has_schedules
from kernelpipe.runs.wording import counted

if TYPE_CHECKING:
    from kernelpipe.runs import RunStore

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
    add_home(parser, place="in this folder, or beside the notebook")
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
    store = _store(arguments)
    _collect(store)
    _refresh(store)
    runs = _selected(arguments)[: arguments.limit]
    if arguments.json:
        print(api.to_json({"runs": [api.run_summary_document(run) for run in runs]}))
    elif runs:
        print(describe_runs(runs, show_time=local_time))
    elif store.list_runs():
        print(f"there are no such runs in {store.home}", file=sys.stderr)
    else:
        print(f"there are no runs in {store.home}; --home names another folder", file=sys.stderr)
    return 0


def _show(arguments: Namespace) -> int:
    named = _named(arguments, arguments.words[0] if arguments.words else LATEST)
    run = _as_it_is_now(arguments, named)
    if arguments.json:
        print(api.to_json(api.run_document(run)))
        return 0
    parts = [describe_run(run), describe_items(run), describe_origin(run), describe_parameters(run)]
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
    run = _as_it_is_now(arguments, _named(arguments, words[0] if words else LATEST))
    step = words[1] if len(words) > 1 else None
    if run.cluster is not None:
        _fetch_logs(run, step)
    logs = api.find_logs(run, step, all_attempts=bool(arguments.all_attempts))
    if arguments.json:
        print(api.to_json({"run_id": run.id, "logs": [_log_document(log) for log in logs]}))
        return 0
    for log in logs:
        if len(logs) > 1 or log.item is not None:
            item = f", {log.item}" if log.item is not None else ""
            attempt = f", attempt {log.attempt}" if arguments.all_attempts else ""
            print(f"=== {log.step}{item}{attempt}")
        with log.path.open(encoding="utf-8", errors="backslashreplace") as file:
            shutil.copyfileobj(file, sys.stdout)
    for name in (step,) if step else (each.name for each in run.steps if each.is_cached):
        _say_where(run, name, is_shown=any(name in {log.step, step} for log in logs))
    return 0


def _fetch_logs(run: Run, step: str | None) -> None:
    """Bring the logs here; if that is not possible, say so and do with those that are here."""
    try:
        fetched = api.fetch_logs(run, step)
    except BackendError as error:
        if not api.find_logs(run, step):
            raise
        print(f"these are the logs as they were brought here last: {error}", file=sys.stderr)
        return
    if fetched.missing:
        names = ", ".join(f"'{name}'" for name in fetched.missing)
        print(f"the cluster gives no log of {names}", file=sys.stderr)
        print(f"  hint: {fetched.hint}", file=sys.stderr)


def _say_where(run: Run, name: str, *, is_shown: bool) -> None:
    """Say why a step, or an item of it, has no log here."""
    step = api.step_named(run, name)
    parts = [part for part in parts_of(step) if name in {step.name, part.name}]
    found = [part for part in parts if part.is_cached]
    for part in found:
        made_in = json.loads(part.facts).get("made_in")
        where = f"; its log: kernelpipe runs logs {made_in} {step.name}" if made_in else ""
        print(f"step '{part.name}' was found, not run{where}", file=sys.stderr)
    if not found and not is_shown:
        state = step.state if name == step.name else parts[0].state
        print(f"step '{name}' has no log: it is {state.value}", file=sys.stderr)


def _log_document(log: api.StepLog) -> Mapping[str, object]:
    return {
        "step": log.step,
        "item": log.item,
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
    store = _store(arguments)
    _refresh(store)
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


def _stop(arguments: Namespace) -> int:
    store = _store(arguments)
    named = [_named(arguments, word) for word in arguments.words or [LATEST]]
    runs = [api.stop_run(store, run) for run in {run.id: run for run in named}.values()]
    if arguments.json:
        print(api.to_json({"runs": [api.run_summary_document(run) for run in runs]}))
        return 0
    for run in runs:
        place = f" on {run.cluster.get('host') or 'its cluster'}" if run.cluster else ""
        text = "has been stopped" if run.state not in UNFINISHED else "was asked to stop"
        print(f"run {run.id}{place} {text}; it is {run.state.value}")
    return 0


def _say_removed(run: Run) -> None:
    started = local_time(run.started_at)
    print(f"removed run {run.id}: {run.pipeline}, {run.state.value}, started {started}")


def _ended_before(runs: Sequence[Run], older_than_s: float | None) -> list[Run]:
    """Return the runs that may be removed; say which others were meant."""
    oldest = time.time() - (older_than_s or 0.0)
    found = [run for run in runs if older_than_s is None or run.started_at < oldest]
    for run in found:
        if run.state in UNFINISHED:
            print(f"run {run.id} is still {run.state.value} and is kept", file=sys.stderr)
    return [run for run in found if run.state not in UNFINISHED]


def _store(arguments: Namespace) -> "RunStore":
    return api.find_runs(arguments.notebook or "notebook.ipynb", home=arguments.home)


def _collect(store: "RunStore") -> None:
    """Record the runs that schedules have started."""
    if has_schedules(store.home):
        for problem in api.collect_runs(store):
            print(f"runs may be missing: {problem}", file=sys.stderr)


def _refresh(store: "RunStore") -> None:
    """Ask clusters how the runs on them are."""
    remote = [run for run in store.list_runs() if _may_have_changed(run)]
    if remote:
        api.refresh_runs(store, remote)


def _as_it_is_now(arguments: Namespace, run: Run) -> Run:
    return api.refresh_runs(_store(arguments), [run])[0] if _may_have_changed(run) else run


def _may_have_changed(run: Run) -> bool:
    return run.cluster is not None and run.state in UNFINISHED


def _selected(arguments: Namespace) -> tuple[Run, ...]:
    return api.select_runs(
        _store(arguments),
        notebook=arguments.notebook,
        state=None if arguments.state is None else RunState(arguments.state),
        batch=arguments.batch,
    )


def _named(arguments: Namespace, reference: str) -> Run:
    return api.find_run(reference, home=arguments.home, notebook=arguments.notebook)


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
        usage="logs [RUN [STEP]] [--all-attempts]; an item is 'STEP[0]'",
        options=frozenset({"all_attempts"}),
        words_count=2,
    ),
    "stop": _Action(execute=_stop, usage="stop [RUN...]", words_count=None),
    "rm": _Action(
        execute=_remove,
        usage="rm RUN... | rm [--older-than TIME] [--state STATE] [--notebook NB] [--batch ID]",
        options=frozenset({"older_than", "state", "batch"}),
        words_count=None,
    ),
}
