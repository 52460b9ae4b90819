"""Files between steps: which steps they tie, and which versions of them a step starts from.

A path that is not known may be any: for what travels it stands for the working directory. A step
that may change a file without surely writing it anew starts from the file, too, so that what it
leaves is what the notebook would have there, whether it touched it or not.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath

from kernelpipe.analysis.history import History
from kernelpipe.analysis.summaries import FileUse
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.model.pipeline import WORKING_DIRECTORY, FileFlow, FileRead, FileTie


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a file by a step, at the position of its cell; ``place`` is what travels."""

    step: StepName
    position: int
    use: FileUse

    @property
    def place(self) -> PurePosixPath:
        path = self.use.path or WORKING_DIRECTORY
        is_outside = path.startswith(("/", "~", ".."))
        return _pure(WORKING_DIRECTORY if self.use.given and not is_outside else path)

    @property
    def is_vague(self) -> bool:
        return self.use.path is None or bool(self.use.given)


def file_ties(history: History) -> list[FileTie]:
    """Return where a step may touch a file that an earlier step touched, and one of them writes."""
    ties: dict[tuple[StepName, StepName], FileTie] = {}
    files: dict[tuple[StepName, StepName], set[str]] = {}
    for one, other in _pairs(_by_step(history)):
        tie = FileTie(
            producer=one.step,
            consumer=other.step,
            path=one.use.path and other.use.path,
            is_read=one.use.is_write and not other.use.is_write,
        )
        key = one.step, other.step
        if one.use.path and other.use.path:
            files.setdefault(key, set()).add(max(one.use.path, other.use.path, key=len))
        if key not in ties or _weight(tie) > _weight(ties[key]):
            ties[key] = tie
    return [replace(ties[key], files=tuple(sorted(files.get(key, ())))) for key in sorted(ties)]


def file_flows(history: History) -> tuple[FileFlow, ...]:
    """Return which files steps start from, as other steps left them, in the order to place them."""
    uses = list(_uses(history))
    writes = _Index(each for each in uses if each.use.is_write)
    found: dict[tuple[StepName, int, int, str], FileFlow] = {}
    read: set[tuple[StepName, StepName, str]] = set()
    given: dict[tuple[StepName, StepName, str], set[str]] = {}
    for need in uses:
        for write, place in _sources(need, writes.near(need)):
            key = need.step, write.position, len(place.parts), str(place)
            if not need.use.is_write:
                read.add((write.step, need.step, str(place)))
            found[key] = FileFlow(
                producer=write.step, consumer=need.step, path=str(place), is_read=False
            )
            names = given.setdefault((write.step, need.step, str(place)), set())
            names.update(write.use.given, need.use.given)
    flows = dict.fromkeys(found[key] for key in sorted(found))
    keys = {(each.producer, each.consumer, each.path): each for each in flows}
    return tuple(
        replace(each, is_read=key in read, given=tuple(sorted(given[key])))
        for key, each in keys.items()
    )


def file_reads(history: History) -> tuple[FileRead, ...]:
    """Return the known files that cells, but tests, may read as they are before the notebook runs.

    Not those that an earlier cell writes. What is written to all of the working directory (an
    archive that is unpacked, a download) may leave other files as they were.
    """
    whole = _pure(WORKING_DIRECTORY)
    first_move = _first_move(history)
    first: dict[PurePosixPath, int] = {}  # the first cell that writes there or below
    covered: dict[PurePosixPath, int] = {}  # the first cell that writes that very path
    for placed, use in history.files:
        if use.is_write and use.path is not None and placed.cell.role is not CellRole.TEST:
            covered.setdefault(_pure(use.path), placed.position)
            for place in (_pure(use.path), *_pure(use.path).parents):
                first.setdefault(place, placed.position)
    all_of_it = covered.pop(whole, math.inf)
    found: dict[tuple[str, int], FileRead] = {}
    for placed, use in history.files:
        if use.path is None or use.is_write or use.is_import or placed.cell.role is CellRole.TEST:
            continue
        place = _pure(use.path)
        above = (covered.get(each, math.inf) for each in (place, *place.parents))
        at = placed.position
        if min(above) >= at:
            is_sure = min(first.get(place, math.inf), all_of_it, first_move) > at
            found[use.path, at] = FileRead(
                path=use.path, location=placed.cell.location, is_sure=is_sure
            )
    return tuple(found.values())


def _uses(history: History) -> Iterator[_Use]:
    """Yield the steps' uses in notebook order; where they lead after ``os.chdir`` is not known."""
    first_move = _first_move(history)
    for placed, use in history.files:
        if placed.step is None:
            continue
        has_moved = placed.position >= first_move
        if has_moved and use.path is not None and not use.path.startswith("/"):
            use = replace(use, path=None, is_whole=False)  # noqa: PLW2901
        yield _Use(placed.step, placed.position, use)


def _first_move(history: History) -> float:
    """Return the position of the cell that first changes the working directory, or infinity."""
    moves = (version.placed.position for version in history.versions.get("@cwd", ()))
    return min(moves, default=math.inf)


def _by_step(history: History) -> list[tuple[_Use, int]]:
    """Return each use of a step once, where it is first, and the position where it is last."""
    first: dict[tuple[StepName, FileUse], _Use] = {}
    last: dict[tuple[StepName, FileUse], int] = {}
    for each in _uses(history):
        key = each.step, replace(each.use, is_whole=False)
        first.setdefault(key, each)
        last[key] = each.position
    return [(use, last[key]) for key, use in first.items()]


def _pairs(uses: list[tuple[_Use, int]]) -> Iterator[tuple[_Use, _Use]]:
    """Yield two uses of one file, the first of which comes before the second one's last."""
    everything = _Index(use for use, _ in uses)
    writes = _Index(use for use, _ in uses if use.use.is_write)
    for other, last in uses:
        for one in (everything if other.use.is_write else writes).near(other):
            is_earlier = one.position < last and one.step != other.step
            if is_earlier and _may_be_same(one.use, other.use):
                yield one, other


class _Index:
    """Finds the uses that may be of the same file as another one."""

    def __init__(self, uses: Iterable[_Use]) -> None:
        self._all = list(uses)
        self._vague: list[_Use] = []
        self._at: dict[PurePosixPath, list[_Use]] = {}
        self._below: dict[PurePosixPath, list[_Use]] = {}
        for use in self._all:
            if use.is_vague:
                self._vague.append(use)
                continue
            self._at.setdefault(use.place, []).append(use)
            for folder in _parents(use.place):
                self._below.setdefault(folder, []).append(use)

    def near(self, other: _Use) -> list[_Use]:
        """Return the uses of its path, above it and below it, and those that may be of any."""
        if other.is_vague:
            return self._all
        place = other.place
        above = [use for folder in _parents(place) for use in self._at.get(folder, ())]
        return [*self._vague, *self._at.get(place, ()), *self._below.get(place, ()), *above]


def _latest_first(use: _Use) -> tuple[int, int]:
    """Return a key to sort by; of what one cell writes, a folder comes before what is in it."""
    return -use.position, len(use.place.parts)


def _sources(need: _Use, writes: Iterable[_Use]) -> Iterator[tuple[_Use, PurePosixPath]]:
    """Yield the writes whose step hands ``need`` what it starts from, and of what, latest first."""
    where = need.place
    taken: list[PurePosixPath] = []
    for write in sorted(writes, key=_latest_first):
        if write.position >= need.position or not _may_be_same(write.use, need.use):
            continue
        is_all = _is_in(where, write.place)
        is_related = is_all or _is_in(write.place, where)
        if write.is_vague and need.use.path is not None and not is_related:
            continue  # it starts from what such a path is by default alone
        if write.step == need.step:
            if is_all and write.use.is_whole:
                return
            continue
        if need.use.is_whole and (not is_all or where == write.place):
            continue
        place = where if is_all else write.place
        if not any(_is_in(place, each) for each in taken):
            taken.append(place)
            yield write, place
        if is_all:
            return


@lru_cache(maxsize=4096)
def _pure(path: str) -> PurePosixPath:
    return PurePosixPath(path)


@lru_cache(maxsize=4096)
def _parents(path: PurePosixPath) -> tuple[PurePosixPath, ...]:
    return tuple(path.parents)


def _is_in(path: PurePosixPath, folder: PurePosixPath) -> bool:
    """Tell whether ``path`` is ``folder``, or in it."""
    return path.is_absolute() == folder.is_absolute() and (
        path.parts[: len(folder.parts)] == folder.parts
    )


def _weight(tie: FileTie) -> tuple[bool, bool]:
    return tie.is_read, tie.path is not None


def _may_be_same(one: FileUse, other: FileUse) -> bool:
    if one.path is None or other.path is None or one.given != other.given:
        return not (one.is_import or other.is_import)
    first, second = _pure(one.path), _pure(other.path)
    return _is_in(first, second) or _is_in(second, first)
