/**
 * Zooming and moving a drawing: values without effects.
 */
import type { Direction, ILayout, IPlacedNode } from './layout';

/** How a drawing is moved and scaled. */
export interface IView {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** The size of what can be seen. */
export interface ISize {
  readonly width: number;
  readonly height: number;
}

/** The scale at which texts can be read. */
export const READABLE = 0.6;

const SCALE = { least: 0.1, most: 3 };

/** Return the view that shows everything; small drawings are not enlarged. */
export function fit(drawing: ISize, size: ISize): IView {
  const scale = Math.min(
    1,
    size.width / Math.max(drawing.width, 1),
    size.height / Math.max(drawing.height, 1)
  );
  const kept = Math.max(scale, SCALE.least);
  return {
    x: (size.width - drawing.width * kept) / 2,
    y: (size.height - drawing.height * kept) / 2,
    scale: kept
  };
}

/** Return the first view: everything, or the beginning of what would be too small. */
export function begin(drawing: ISize, size: ISize): IView {
  const all = fit(drawing, size);
  if (all.scale >= READABLE) {
    return all;
  }
  const start = (length: number, room: number): number =>
    Math.max(0, (room - length * READABLE) / 2);
  return {
    x: start(drawing.width, size.width),
    y: start(drawing.height, size.height),
    scale: READABLE
  };
}

/** Return the view zoomed by a factor, with a point of the screen in its place. */
export function zoom(view: IView, factor: number, x: number, y: number): IView {
  const scale = Math.min(
    SCALE.most,
    Math.max(SCALE.least, view.scale * factor)
  );
  const ratio = scale / view.scale;
  return { x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio, scale };
}

/** Return the view moved as little as shows a node. */
export function show(view: IView, node: IPlacedNode, size: ISize): IView {
  const shift = (start: number, length: number, room: number): number => {
    const margin = 24;
    if (start < margin) {
      return margin - start;
    }
    const over = start + length + margin - room;
    return over > 0 ? -Math.min(over, start - margin) : 0;
  };
  const { scale } = view;
  const dx = shift(view.x + node.x * scale, node.width * scale, size.width);
  const dy = shift(view.y + node.y * scale, node.height * scale, size.height);
  return dx === 0 && dy === 0
    ? view
    : { x: view.x + dx, y: view.y + dy, scale };
}

/**
 * Return the node to which an arrow key leads: along an edge forwards and backwards, to the
 * next one of the same rank sideways; undefined where there is none.
 */
export function neighbour(
  { nodes, edges }: ILayout,
  direction: Direction,
  id: string,
  key: string
): string | undefined {
  const from = nodes.find(each => each.node.id === id);
  if (!from) {
    return undefined;
  }
  const along = (each: IPlacedNode): number =>
    direction === 'TB' ? each.y + each.height / 2 : each.x + each.width / 2;
  const across = (each: IPlacedNode): number =>
    direction === 'TB' ? each.x + each.width / 2 : each.y + each.height / 2;
  const [backward, forward, less, more] =
    direction === 'TB'
      ? ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight']
      : ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];
  const near = (found: IPlacedNode[]): string | undefined =>
    found.sort(
      (one, other) =>
        Math.abs(across(one) - across(from)) -
        Math.abs(across(other) - across(from))
    )[0]?.node.id;
  const linked = (ids: string[]): string | undefined =>
    near(nodes.filter(each => ids.includes(each.node.id)));
  switch (key) {
    case forward:
      return linked(edges.filter(e => e.edge.from === id).map(e => e.edge.to));
    case backward:
      return linked(edges.filter(e => e.edge.to === id).map(e => e.edge.from));
    case less:
    case more: {
      const sign = key === more ? 1 : -1;
      return near(
        nodes.filter(
          each =>
            Math.abs(along(each) - along(from)) < 1 &&
            sign * (across(each) - across(from)) > 0
        )
      );
    }
    default:
      return undefined;
  }
}
