"""Edges between steps, files that tie them, and cycles."""

import heapq
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from kernelpipe.analysis.history import History
from kernelpipe.analysis.summaries import FileUse
from kernelpipe.model.names import StepName
from kernelpipe.model.notebook import CellRole
from kernelpipe.model.pipeline import Edge, EdgeKind, FileRead, FileTie


def data_edges(sources: Iterable[tuple[StepName, StepName, str]]) -> list[Edge]:
    """Return data edges from (producer, consumer, name), names together, sorted."""
    names: dict[tuple[StepName, StepName], set[str]] = {}
    for producer, consumer, name in sources:
        names.setdefault((producer, consumer), set()).add(name)
    return [
        Edge(producer=p, consumer=c, kind=EdgeKind.DATA, names=tuple(sorted(found)))
        for (p, c), found in sorted(names.items())
    ]


def file_ties(history: History) -> list[FileTie]:
    """Return where a step may touch a file that an earlier step touched, and one of them writes.

    A path that is not known may be any path.
    """
    ties: dict[tuple[StepName, StepName], FileTie] = {}
    for index, (first, one) in enumerate(history.files):
        for second, other in history.files[index + 1 :]:
            if first.step is None or second.step is None or first.step == second.step:
                continue
            if (one.is_write or other.is_write) and _may_be_same(one, other):
                tie = FileTie(
                    producer=first.step,
                    consumer=second.step,
                    path=one.path and other.path,
                    is_read=one.is_write and not other.is_write,
                )
                known = ties.get((first.step, second.step))
                if known is None or _weight(tie) > _weight(known):
                    ties[first.step, second.step] = tie
    return [ties[key] for key in sorted(ties)]


def file_reads(history: History) -> tuple[FileRead, ...]:
    """Return the known files that cells read, but tests, and that no cell writes."""
    written = [use for _, use in history.files if use.is_write and use.path is not None]
    found: dict[str, FileRead] = {}
    for placed, use in history.files:
        if use.path is None or use.is_write or use.is_import or placed.cell.role is CellRole.TEST:
            continue
        if not any(_may_be_same(use, other) for other in written):
            found.setdefault(use.path, FileRead(path=use.path, location=placed.cell.location))
    return tuple(found.values())


def _weight(tie: FileTie) -> tuple[bool, bool]:
    return tie.is_read, tie.path is not None


def _may_be_same(one: FileUse, other: FileUse) -> bool:
    if one.path is None or other.path is None:
        return not (one.is_import or other.is_import)
    first, second = PurePosixPath(one.path), PurePosixPath(other.path)
    if any(c in one.path + other.path for c in "*?["):
        return True
    return first == second or first in second.parents or second in first.parents


def sort_steps(names: list[StepName], edges: Iterable[Edge]) -> list[StepName]:
    """Return ``names`` so that each comes after its producers, else in the given order.

    Steps of a cycle keep their place at the end.
    """
    left: dict[StepName, set[StepName]] = {name: set() for name in names}
    following: dict[StepName, set[StepName]] = {name: set() for name in names}
    for edge in edges:
        left[edge.consumer].add(edge.producer)
        following[edge.producer].add(edge.consumer)
    positions = {name: position for position, name in enumerate(names)}
    ready = [positions[name] for name in names if not left[name]]
    done: dict[StepName, None] = {}
    while ready:
        name = names[heapq.heappop(ready)]
        done[name] = None
        for consumer in following[name]:
            left[consumer].discard(name)
            if not left[consumer]:
                heapq.heappush(ready, positions[consumer])
    return [*done, *(name for name in names if name not in done)]


def find_cycle(names: list[StepName], edges: Iterable[Edge]) -> list[StepName]:
    """Return the steps of a shortest cycle in order, empty when there is none."""
    following: dict[StepName, list[StepName]] = {name: [] for name in names}
    waits = dict.fromkeys(names, 0)
    for edge in edges:
        following[edge.producer].append(edge.consumer)
        waits[edge.consumer] += 1
    ready = [name for name in names if not waits[name]]
    for name in ready:  # grows: most pipelines have no cycle to look for
        for consumer in following[name]:
            waits[consumer] -= 1
            if not waits[consumer]:
                ready.append(consumer)
    if len(ready) == len(names):
        return []
    cycles = [found for name in names if (found := _way_back(name, following))]
    return min(cycles, key=len, default=[])


def _way_back(start: StepName, following: Mapping[StepName, list[StepName]]) -> list[StepName]:
    ways = [[start]]
    seen = {start}
    for way in ways:
        for each in following[way[-1]]:
            if each == start:
                return way
            if each not in seen:
                seen.add(each)
                ways.append([*way, each])
    return []
