"""What is in the files that steps touch: on the disk now, and where a step would find it."""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from kernelpipe.model.names import StepName
from kernelpipe.model.result import FileState, Touched
from kernelpipe.model.settings import NamedText, StepSettings

_FILE = "is:file"
_DIRECTORY = "is:dir"


class Digests(Protocol):
    """Tells the state of files, see :class:`kernelpipe.model.result.FileState`."""

    def state(self, path: str) -> str | None:
        """Return the digest of what is at an absolute path."""


class FileStates:
    """Follows through a run, in pipeline order, what each step finds in files.

    A step that is found does not write again, so what a later one wrote in an earlier run may
    stand on the disk already; what counts for the steps between them is what it wrote itself.
    """

    UNKNOWN: Final = "a step before it may change it"

    def __init__(self, digests: Digests, directory: Path) -> None:
        """Begin with the disk.

        Args:
            digests: Reads the disk.
            directory: Of the notebook; names of files are told from there.
        """
        self._digests = digests
        self._directory = directory
        self._disk: dict[str, str | None] = {}
        self._written: dict[str, str | None] = {}
        self._unknown: set[str] = set()

    def forget(self) -> None:
        """Go back to before the first step."""
        self._written.clear()
        self._unknown.clear()

    def look_again(self) -> None:
        """Read the disk anew: files may have been changed since it was read."""
        self._disk.clear()

    def note_found(self, touched: Touched) -> None:
        """Take note of a step that is found."""
        for state in touched.writes:
            self._written[state.path] = state.digest
            self._unknown.discard(state.path)

    def note_unknown(self, touched: Touched | None) -> None:
        """Take note of a step that runs: it may write what it wrote last time."""
        for state in touched.writes if touched else ():
            self._written.pop(state.path, None)
            self._unknown.add(state.path)

    def note_ran(self, touched: Touched) -> None:
        """Take note of a step that has run: what it wrote is on the disk."""
        for state in touched.writes:
            self._written.pop(state.path, None)
            self._unknown.discard(state.path)

    def on_disk(self, path: str) -> str | None:
        """Return the digest of what is at ``path`` now."""
        if path not in self._disk:
            self._disk[path] = self._digests.state(path)
        return self._disk[path]

    def mismatch(
        self,
        touched: Touched,
        settings: Iterable[NamedText],
        own: Mapping[str, Collection[str | None]] | None = None,
    ) -> str | None:
        """Return what a step would find changed, None if nothing, UNKNOWN if it cannot be told.

        Args:
            touched: Of the result that is to be used.
            settings: Environment variables that the step gets besides this process's.
            own: Path -> digests that count as unchanged, too, whatever the step found there; None
                means that there are none.
        """
        environment = {**os.environ, **{setting.key: setting.value for setting in settings}}
        for name, digest in touched.environment:
            if _text_digest(environment.get(name)) != digest:
                return f"environment variable {name} changed"
        is_unknown = False
        for state in touched.reads:
            if state.path in self._unknown:
                is_unknown = True
            elif (now := self._found_at(state)) != state.digest and (
                own is None or now not in own.get(state.path, ())
            ):
                return self._describe(state, now)
        return self.UNKNOWN if is_unknown else None

    def name(self, path: str) -> str:
        """Return how to call a path: from the notebook's directory if it is in there."""
        inside = Path(path)
        if inside.is_relative_to(self._directory):
            return str(inside.relative_to(self._directory))
        return path

    def _found_at(self, recorded: FileState) -> str | None:
        """Return the state that a step would find, told in the way of the recorded one."""
        path = recorded.path
        is_kind = recorded.digest in {_FILE, _DIRECTORY}
        if path not in self._written:
            return _kind_on_disk(path) if is_kind else self.on_disk(path)
        digest = self._written[path]
        if not is_kind or digest is None:
            return digest
        return _DIRECTORY if digest.startswith("dir:") else _FILE

    def _describe(self, recorded: FileState, now: str | None) -> str:
        name = self.name(recorded.path)
        if now is None:
            return f"{name} is missing"
        if recorded.digest is None:
            return f"{name} is new"
        if now.startswith("dir:"):
            return f"the files in {name} changed"
        return f"{name} changed"


def _kind_on_disk(path: str) -> str | None:
    if os.path.isdir(path):  # noqa: PTH112 - a text is what there is
        return _DIRECTORY
    return _FILE if os.path.exists(path) else None  # noqa: PTH110 - likewise


def _text_digest(text: str | None) -> str | None:
    if text is None:
        return None
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def distrust(touched: Touched, settings: StepSettings) -> str | None:
    """Return why other runs may not use the result of a step, None if they may.

    Args:
        touched: What the step used, as far as it could be watched.
        settings: Of the step, as it is now.
    """
    if settings.cache is False:
        return "cache:off"
    if touched.unseen and not settings.cache:
        return f"{touched.unseen[0]} (the tag cache:on reuses its result anyway)"
    return None


def contradictions(
    steps: Sequence[StepName],
    found: Mapping[StepName, Touched],
    history: Mapping[StepName, Touched],
    files: FileStates,
) -> dict[StepName, str]:
    """Return the steps that cannot be found because of the files they wrote -> why.

    A step that runs must find on the disk what the found steps before it wrote, and at the end the
    disk must hold what the last step wrote.

    Args:
        steps: In pipeline order.
        found: Those that are found -> what they touched.
        history: What steps touched when they ran last.
        files: Tells what is on the disk.
    """
    paths = dict.fromkeys(state.path for touched in found.values() for state in touched.writes)
    must_run: dict[StepName, str] = {}
    for path in paths:
        must_run |= _contradictions_at(path, steps, found, history, files)
    return must_run


def _contradictions_at(
    path: str,
    steps: Sequence[StepName],
    found: Mapping[StepName, Touched],
    history: Mapping[StepName, Touched],
    files: FileStates,
) -> dict[StepName, str]:
    disk = files.on_disk(path)
    name = files.name(path)
    writers: list[StepName] = []
    expected: str | None = None
    is_rewritten = False
    for step in steps:
        if step in found:
            for state in found[step].writes:
                if state.path == path and is_rewritten:
                    return {step: f"{name} is written anew before it"}
                if state.path == path:
                    writers.append(step)
                    expected = state.digest
        elif writers and not is_rewritten:
            if disk != expected:
                return dict.fromkeys(writers, _because(name, disk, step))
            is_rewritten = _writes(history.get(step), path)
    if writers and not is_rewritten and disk != expected:
        return dict.fromkeys(writers, _because(name, disk, None))
    return {}


def _because(name: str, disk: str | None, step: StepName | None) -> str:
    what = "is missing" if disk is None else "changed"
    reader = "" if step is None else f", and step '{step}' may read it"
    return f"{name}, which it wrote, {what}{reader}"


def _writes(touched: Touched | None, path: str) -> bool:
    return touched is not None and any(state.path == path for state in touched.writes)
