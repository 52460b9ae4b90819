/**
 * Places the nodes and edges of a graph.
 */
import { Graph, layout } from '@dagrejs/dagre';

import type { IGraph, INode, IShownEdge } from './graph';

/** Where the pipeline goes: down or to the right. */
export type Direction = 'TB' | 'LR';

/** A node in its place; x and y are of its upper left corner. */
export interface IPlacedNode {
  readonly node: INode;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An edge in its place. */
export interface IPlacedEdge {
  readonly edge: IShownEdge;
  /** An SVG path. */
  readonly path: string;
  /** The middle of its text. */
  readonly x: number;
  readonly y: number;
}

/** A graph in its place. */
export interface ILayout {
  readonly nodes: readonly IPlacedNode[];
  readonly edges: readonly IPlacedEdge[];
  readonly width: number;
  readonly height: number;
}

interface IPoint {
  x: number;
  y: number;
}

/** Space in a node's first line besides its title: strip, icon, margins. */
const BESIDE_TITLE = 48;

/** In pixels; the least is room for what a run says in the second line. */
const NODE = { least: 176, most: 260, height: 46, small: 36 };

/** How much higher a node with a note is. */
export const NOTE_HEIGHT = 15;

/** So that sizes that come during a run find their place. */
const SIZE_TEXT = ' · 888.8 MB';

const MARGIN = 16;

/** Measures texts as the graph shows them. */
export class TextMeter {
  private readonly _context = document.createElement('canvas').getContext('2d');

  /** @param node - Where the graph is, for its font. */
  constructor(node: HTMLElement) {
    const { fontFamily } = getComputedStyle(node);
    this._fonts = {
      title: `600 13px ${fontFamily}`,
      small: `11px ${fontFamily}`
    };
  }

  /** Return the width of a text in pixels. */
  width(text: string, font: 'title' | 'small'): number {
    if (this._context === null) {
      return text.length * 7;
    }
    this._context.font = this._fonts[font];
    return this._context.measureText(text).width;
  }

  /** Return as much of a text as fits. */
  fit(text: string, font: 'title' | 'small', width: number): string {
    if (this.width(text, font) <= width) {
      return text;
    }
    let length = text.length;
    while (
      length > 1 &&
      this.width(`${text.slice(0, length)}…`, font) > width
    ) {
      length -= 1;
    }
    return `${text.slice(0, length)}…`;
  }

  private readonly _fonts: { title: string; small: string };
}

/** Return how much room a node has for its texts. */
export function textWidth({ width }: IPlacedNode): number {
  return width - BESIDE_TITLE;
}

/** Return what decides about the places: states do not. */
export function layoutKey(graph: IGraph, direction: Direction): string {
  return JSON.stringify([
    direction,
    graph.nodes.map(({ id, title, note }) => [id, title, note]),
    graph.edges.map(({ from, to, kind, text }) => [
      from,
      to,
      kind,
      text.split(' · ', 1)[0]
    ])
  ]);
}

/** Return the places. */
export function place(
  { nodes, edges }: IGraph,
  direction: Direction,
  meter: TextMeter
): ILayout {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({
    rankdir: direction,
    nodesep: direction === 'TB' ? 28 : 20,
    ranksep: direction === 'TB' ? 26 : 30,
    edgesep: 14,
    marginx: MARGIN,
    marginy: MARGIN
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    graph.setNode(node.id, sizeOf(node, meter));
  }
  const known = new Set(nodes.map(node => node.id));
  const drawn = edges.filter(
    ({ from, to }) => known.has(from) && known.has(to)
  );
  for (const { from, to, kind, text } of drawn) {
    const names = text.split(' · ', 1)[0] ?? '';
    const label =
      kind === 'data'
        ? { width: meter.width(names + SIZE_TEXT, 'small'), height: 18 }
        : { width: meter.width(text, 'small'), height: text ? 18 : 0 };
    graph.setEdge(from, to, { ...label, labelpos: 'c' }, kind);
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as IBox;
  return {
    nodes: nodes.map(node => {
      const box = graph.node(node.id) as Required<IBox>;
      return {
        node,
        x: box.x - box.width / 2,
        y: box.y - box.height / 2,
        width: box.width,
        height: box.height
      };
    }),
    edges: drawn.map(edge => {
      const route = graph.edge(edge.from, edge.to, edge.kind) as IRoute;
      const [first] = route.points;
      return {
        edge,
        path: smooth(route.points),
        x: route.x ?? first?.x ?? 0,
        y: route.y ?? first?.y ?? 0
      };
    }),
    width,
    height
  };
}

interface IBox {
  x?: number;
  y?: number;
  width?: number;
  height?: number;
}

interface IRoute {
  points: IPoint[];
  x?: number;
  y?: number;
}

function sizeOf(node: INode, meter: TextMeter): Required<IBox> {
  const isStep = node.kind === 'step';
  const text = Math.max(
    meter.width(node.title, 'title'),
    meter.width(node.line, 'small'),
    meter.width(node.note, 'small')
  );
  const most = Math.min(text + BESIDE_TITLE, NODE.most);
  return {
    x: 0,
    y: 0,
    width: Math.max(isStep ? NODE.least : 0, Math.ceil(most)),
    height: isStep
      ? NODE.height + (node.note === '' ? 0 : NOTE_HEIGHT)
      : NODE.small
  };
}

/** Return a path through the middles between points, with the points as its bends. */
function smooth(points: IPoint[]): string {
  const [first, ...rest] = points;
  const last = rest.pop();
  if (!first || !last) {
    return '';
  }
  let path = `M${text(first)}`;
  rest.forEach((point, index) => {
    const next = rest[index + 1] ?? last;
    const end =
      next === last
        ? last
        : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    path += `Q${text(point)} ${text(end)}`;
  });
  return rest.length === 0 ? `${path}L${text(last)}` : path;
}

function text({ x, y }: IPoint): string {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
