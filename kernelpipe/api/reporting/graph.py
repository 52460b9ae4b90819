"""Draws the graph of a run: steps in layers from top to bottom, as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kernelpipe.api.reporting.markup import Html, escape, tag

WIDTH, HEIGHT = 168, 46
_GAP_X, _GAP_Y = 28, 34
_MARGIN = 4
_NAME_LENGTH = 20
_LOOP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step: ``state`` is a word that is also a CSS class, ``note`` a few words more."""

    name: str
    anchor: str
    state: str
    note: str
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A node, or one of the bends of an edge that passes a layer."""

    name: str
    bend_of: str | None = None


def draw_graph(nodes: Sequence[Node], *, labels: Mapping[tuple[str, str], str]) -> Html:
    """Return the drawing.

    Args:
        nodes: In pipeline order; each comes after those that it waits for.
        labels: (producer, consumer) -> what flows there.
    """
    waits = direct_waits(nodes)
    layers, chains = _layers(nodes, waits)
    centres = _centres(layers)
    width = max(x for x, _ in centres.values()) + WIDTH / 2 + _MARGIN
    height = len(layers) * (HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    edges = [_edge(chain, centres, labels) for chain in chains]
    boxes = [_box(node, centres[_Place(name=node.name)]) for node in nodes]
    return tag(
        "svg",
        *edges,
        *boxes,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="group",
        aria_label="Graph of the steps; the table of steps says the same in words",
        class_="graph",
    )


def direct_waits(nodes: Sequence[Node]) -> dict[str, tuple[str, ...]]:
    """Return what each step waits for, less what another of these waits for already."""
    known = {node.name for node in nodes}
    before: dict[str, frozenset[str]] = {}
    for node in nodes:
        after = [name for name in node.after if name in known]
        before[node.name] = frozenset(after).union(*(before.get(name, ()) for name in after))
    return {
        node.name: tuple(
            name
            for name in node.after
            if name in known
            and not any(name in before.get(other, ()) for other in node.after if other != name)
        )
        for node in nodes
    }


def _layers(
    nodes: Sequence[Node], waits: Mapping[str, tuple[str, ...]]
) -> tuple[list[list[_Place]], list[list[_Place]]]:
    """Return the places per layer, and per edge the places through which it goes."""
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node.name] = 1 + max((depth[name] for name in waits[node.name]), default=-1)
    layers: list[list[_Place]] = [[] for _ in range(1 + max(depth.values()))]
    chains: list[list[_Place]] = []
    for node in nodes:
        layers[depth[node.name]].append(_Place(name=node.name))
        for name in waits[node.name]:
            bends = [
                _Place(name=f"{name} {node.name} {level}", bend_of=name)
                for level in range(depth[name] + 1, depth[node.name])
            ]
            for bend, level in zip(bends, range(depth[name] + 1, depth[node.name]), strict=True):
                layers[level].append(bend)
            chains.append([_Place(name=name), *bends, _Place(name=node.name)])
    for _ in range(_LOOP):
        _order(layers, chains)
    return layers, chains


def _order(layers: list[list[_Place]], chains: Sequence[Sequence[_Place]]) -> None:
    """Put each place near those above it that it is tied to."""
    above: dict[_Place, list[_Place]] = {}
    for chain in chains:
        for upper, lower in pairwise(chain):
            above.setdefault(lower, []).append(upper)
    for upper_layer, layer in pairwise(layers):
        position = {place: index for index, place in enumerate(upper_layer)}
        middle = {
            place: sum(position[upper] for upper in above.get(place, ())) / len(above[place])
            if place in above
            else float(index)
            for index, place in enumerate(layer)
        }
        layer.sort(key=middle.__getitem__)


def _centres(layers: Sequence[Sequence[_Place]]) -> dict[_Place, tuple[float, float]]:
    """Return where the middle of each place is."""
    widths = [
        sum(_GAP_X if place.bend_of else WIDTH + _GAP_X for place in layer) - _GAP_X
        for layer in layers
    ]
    centres: dict[_Place, tuple[float, float]] = {}
    for level, layer in enumerate(layers):
        x = _MARGIN + (max(widths) - widths[level]) / 2
        y = _MARGIN + level * (HEIGHT + _GAP_Y) + HEIGHT / 2
        for place in layer:
            half = 0 if place.bend_of else WIDTH / 2
            centres[place] = (x + half, y)
            x += 2 * half + _GAP_X
    return centres


def _edge(
    chain: Sequence[_Place],
    centres: Mapping[_Place, tuple[float, float]],
    labels: Mapping[tuple[str, str], str],
) -> Html:
    points = [centres[place] for place in chain]
    x, y = points[0][0], points[0][1] + HEIGHT / 2
    path = f"M{x:g} {y:g}"
    for number, (next_x, next_y) in enumerate(points[1:], start=1):
        is_last = number == len(points) - 1
        top = next_y - HEIGHT / 2
        path += f"C{x:g} {y + _GAP_Y / 2:g} {next_x:g} {top - _GAP_Y / 2:g} {next_x:g} {top:g}"
        x, y = next_x, top
        if not is_last:
            y = next_y + HEIGHT / 2
            path += f"V{y:g}"
    names = labels.get((chain[0].name, chain[-1].name), "")
    label = f"{chain[0].name} to {chain[-1].name}" + (f": {names}" if names else "")
    return tag("path", tag("title", label), d=path, class_="edge")


def _box(node: Node, centre: tuple[float, float]) -> Html:
    x, y = centre[0] - WIDTH / 2, centre[1] - HEIGHT / 2
    name = node.name
    if len(name) > _NAME_LENGTH:
        name = f"{name[: _NAME_LENGTH - 1]}\u2026"
    return tag(
        "a",
        tag("title", f"{node.name}: {node.state} {node.note}".rstrip()),
        tag("rect", x=f"{x:g}", y=f"{y:g}", width=WIDTH, height=HEIGHT, rx=6),
        tag("text", escape(name), x=f"{x + 10:g}", y=f"{y + 19:g}", class_="name"),
        tag("text", f"{node.state} {node.note}".rstrip(), x=f"{x + 10:g}", y=f"{y + 36:g}"),
        href=f"#{node.anchor}",
        class_=f"node {node.state}",
    )
