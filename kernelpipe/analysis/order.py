"""Edges between steps, and cycles."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace

from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Edge, EdgeKind, FileTie


def data_edges(sources: Iterable[tuple[StepName, StepName, str]]) -> list[Edge]:
    """Return data edges from (producer, consumer, name), names together, sorted."""
    names: dict[tuple[StepName, StepName], set[str]] = {}
    for producer, consumer, name in sources:
        names.setdefault((producer, consumer), set()).add(name)
    return [
        Edge(producer=p, consumer=c, kind=EdgeKind.DATA, names=tuple(sorted(found)))
        for (p, c), found in sorted(names.items())
    ]


def file_edges(edges: Iterable[Edge], ties: Iterable[FileTie]) -> list[Edge]:
    """Return ``edges`` with those of ``ties``, and their files on all edges between their steps.

    Args:
        edges: Without files.
        ties: Those of files.
    """
    ties = tuple(ties)
    if not ties:
        return list(edges)
    pairs = {(tie.producer, tie.consumer): tie.files for tie in ties}
    found = [replace(edge, files=pairs.get((edge.producer, edge.consumer), ())) for edge in edges]
    return found + [
        Edge(producer=t.producer, consumer=t.consumer, kind=EdgeKind.ORDER, files=t.files)
        for t in ties
    ]


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
