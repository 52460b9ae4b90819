"""Tells the outside how a run went: webhooks, Slack, commands.

Nothing here fails a run: what could not be told is returned as messages.
"""

import shlex
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kernelpipe.errors import KernelpipeError, UsageError
from kernelpipe.model.location import Location
from kernelpipe.model.run import Run, RunState
from kernelpipe.runs.comparing import causes, compare_runs, last_success
from kernelpipe.runs.delivery import NotToldError, call, post
from kernelpipe.runs.store import RunStore
from kernelpipe.runs.wording import duration

TIMEOUT_S = 10.0
"""For all targets together, which are told at the same time."""
_GRACE_S = 0.5
"""So that a target's own timeout, which says more, comes first."""
VARIABLE = "KERNELPIPE_NOTIFY"
"""Environment variable that holds targets, one per line."""

_SLACK = "slack:"
_COMMAND = "command:"
_SLACK_HOST = ".slack.com"
_MOST_CAUSES = 10
_SLACK_HEADER = 150
_SLACK_TEXT = 2900


class Channel(Enum):
    """How a target is told."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is told; ``address`` is an http(s) address or a command line."""

    channel: Channel
    address: str

    @property
    def name(self) -> str:
        """Return what messages call it: an address's path may be a secret."""
        if self.channel is Channel.COMMAND:
            return f"command '{self.address.split(maxsplit=1)[0]}'"
        return urllib.parse.urlsplit(self.address).hostname or self.channel.value


def parse_target(text: str) -> Target:
    """Return what ``URL``, ``slack:URL`` or ``command:CMD`` means.

    Raises:
        UsageError: If it is none of these.
    """
    if text.startswith(_COMMAND):
        command = text.removeprefix(_COMMAND).strip()
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"the command to notify cannot be read: {error}") from error
        if not words:
            raise UsageError("'command:' names no command", hint="for example 'command:notify-me'")
        return Target(channel=Channel.COMMAND, address=command)
    address = text.removeprefix(_SLACK)
    try:
        host = urllib.parse.urlsplit(address).hostname or ""
        scheme = urllib.parse.urlsplit(address).scheme
        is_address = bool(host) and scheme in {"http", "https"} and not _has_blanks(address)
        _ = urllib.parse.urlsplit(address).port
    except ValueError:
        is_address, host = False, ""
    if not is_address:
        raise UsageError(
            f"'{text}' is nobody who can be notified",
            hint="write an http(s) address, slack:ADDRESS or command:COMMAND",
        )
    is_slack = text.startswith(_SLACK) or f".{host}".endswith(_SLACK_HOST)
    return Target(channel=Channel.SLACK if is_slack else Channel.WEBHOOK, address=address)


def chosen_targets(
    given: Sequence[str], environment: Mapping[str, str], metadata: object = None
) -> tuple[str, ...]:
    """Return everybody who is to be told, without repetition.

    Args:
        given: By the user.
        environment: Where :data:`VARIABLE` may be set.
        metadata: What the notebook's ``kernelpipe.notify`` holds: a text or a list of texts.

    Raises:
        UsageError: If one of them is nobody who can be notified.
    """
    listed = [metadata] if isinstance(metadata, str) else metadata or []
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise UsageError("metadata 'kernelpipe.notify' is not a text or a list of texts")
    variable = environment.get(VARIABLE, "").splitlines()
    targets = tuple(
        dict.fromkeys(text.strip() for text in (*given, *variable, *listed) if text.strip())
    )
    for text in targets:
        parse_target(text)
    return targets


def notify(
    run: Run,
    targets: Sequence[str],
    *,
    store: RunStore,
    document: Mapping[str, object],
    timeout_s: float = TIMEOUT_S,
) -> tuple[str, ...]:
    """Tell every target how a run went.

    Args:
        run: As it ended.
        targets: See :func:`parse_target`.
        store: Holds the earlier runs, to say what changed since the last that SUCCEEDED.
        document: The run's JSON document.
        timeout_s: After this time, whoever has not been told is given up.

    Returns:
        A message per target that could not be told.
    """
    if not targets:
        return ()
    lines = describe(run, changes=tuple(_changes(run, store)))
    payload = {"text": "\n".join(lines), "run": dict(document)}
    problems: dict[str, str | None] = {}

    def tell(text: str) -> None:
        target = parse_target(text)
        try:
            _tell(target, run, lines, payload, timeout_s=timeout_s)
        except NotToldError as error:
            problems[text] = f"{target.name} was not notified: {error}"
        else:
            problems[text] = None

    ends_at = time.monotonic() + timeout_s + _GRACE_S
    threads = [
        threading.Thread(target=tell, args=(text,), name="kernelpipe-notify", daemon=True)
        for text in dict.fromkeys(targets)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    late = f"was not notified: no answer within {timeout_s:.0f} s"
    found = [problems.get(t, f"{parse_target(t).name} {late}") for t in dict.fromkeys(targets)]
    return tuple(problem for problem in found if problem is not None)


def _tell(
    target: Target,
    run: Run,
    lines: Sequence[str],
    payload: Mapping[str, object],
    *,
    timeout_s: float,
) -> None:
    if target.channel is Channel.COMMAND:
        variables = {"KERNELPIPE_RUN_ID": run.id, "KERNELPIPE_STATE": run.state.value}
        call(target.address, payload, environment=variables, timeout_s=timeout_s)
    elif target.channel is Channel.SLACK:
        post(target.address, slack_message(lines), timeout_s=timeout_s)
    else:
        post(target.address, payload, timeout_s=timeout_s)


def describe(run: Run, *, changes: Sequence[str]) -> tuple[str, ...]:
    """Return what is told, the most important line first.

    Args:
        run: As it ended.
        changes: Lines on what changed since the last run that SUCCEEDED.
    """
    time = "" if run.duration_s is None else f" in {duration(run.duration_s)}"
    reason = f": {run.reason}" if run.reason else ""
    lines = [f"{run.pipeline} {run.state.value}{time}{reason}"]
    for step in run.steps:
        if step.state is RunState.FAILED:
            error = step.error
            place = Location(
                path="",
                cell_index=error.cell_index if error else None,
                line=error.line if error else None,
            )
            at = f" at{place}" if str(place) else ""
            what = f"{error.ename}: {error.evalue}" if error else step.reason or "it ended early"
            lines.append(f"step '{step.name}' failed{at}: {what}")
    lines += changes
    lines.append(f"run {run.id}")
    if run.notebook:
        lines.append(f"executed notebook: {run.notebook}")
    return tuple(lines)


def slack_message(lines: Sequence[str]) -> dict[str, object]:
    """Return the lines as a message for an incoming webhook of Slack."""
    head, rest = lines[0], _for_slack("\n".join(lines[1:]))
    return {
        "text": _for_slack("\n".join(lines[:2])),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": _cut(head, _SLACK_HEADER)}},
            {"type": "section", "text": {"type": "mrkdwn", "text": _cut(rest, _SLACK_TEXT)}},
        ],
    }


def _for_slack(text: str) -> str:
    """Return text in which nothing is markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _has_blanks(text: str) -> bool:
    return any(character.isspace() or not character.isprintable() for character in text)


def _changes(run: Run, store: RunStore) -> Iterator[str]:
    """Yield what changed since the last good run; nothing if that cannot be told."""
    if run.state is RunState.SUCCEEDED:
        return
    try:
        good = last_success(store.list_runs(), run)
        found = causes(compare_runs(good, run)) if good is not None else ()
    except (KernelpipeError, OSError, ValueError) as error:
        yield f"what changed since the last run that succeeded is not known: {error}"
        return
    if good is None:
        return
    if not found:
        yield f"nothing is known to have changed since run {good.id}, the last that succeeded"
        return
    more = len(found) - _MOST_CAUSES
    shown = [*found[:_MOST_CAUSES], *([f"{more} more"] if more > 0 else [])]
    yield f"changed since run {good.id}, the last that succeeded: {'; '.join(shown)}"
