/**
 * What the graph remembers between two drawings of it.
 */
import * as React from 'react';

import type { IGraph } from './graph';
import type { Direction, ILayout, TextMeter } from './layout';
import { layoutKey, place } from './layout';
import type { ISize, IView } from './viewport';
import { begin, fit, READABLE, zoom } from './viewport';

const NO_VIEW: IView = { x: 0, y: 0, scale: 1 };

/**
 * The places; found again only when what decides about them changes.
 *
 * @param chosen - Where the pipeline goes; null where more of it can be read.
 * @param name - Of the drawing: the direction stays while this does.
 */
export function useLayout(
  graph: IGraph,
  chosen: Direction | null,
  meter: TextMeter | null,
  size: ISize | null,
  name: string
): { layout: ILayout | null; direction: Direction } {
  const found = React.useRef<{ name: string; direction: Direction } | null>(
    null
  );
  if (meter && size && found.current?.name !== name) {
    found.current = { name, direction: better(graph, meter, size) };
  }
  const direction = chosen ?? found.current?.direction ?? 'TB';
  return { layout: usePlaces(graph, direction, meter), direction };
}

/** Down, unless that is too wide and to the right is better. */
function better(graph: IGraph, meter: TextMeter, size: ISize): Direction {
  const down = fit(place(graph, 'TB', meter), size).scale;
  return down < READABLE && fit(place(graph, 'LR', meter), size).scale > down
    ? 'LR'
    : 'TB';
}

function usePlaces(
  graph: IGraph,
  direction: Direction,
  meter: TextMeter | null
): ILayout | null {
  const known = React.useRef<{ key: string; placed: ILayout } | null>(null);
  if (meter !== null) {
    const key = layoutKey(graph, direction);
    if (known.current?.key !== key) {
      known.current = { key, placed: place(graph, direction, meter) };
    }
  }
  const placed = known.current?.placed ?? null;
  return React.useMemo(() => {
    if (placed === null) {
      return null;
    }
    const nodes = new Map(graph.nodes.map(node => [node.id, node]));
    const edges = new Map(
      graph.edges.map(edge => [`${edge.kind} ${edge.from} ${edge.to}`, edge])
    );
    return {
      ...placed,
      nodes: placed.nodes.map(each => ({
        ...each,
        node: nodes.get(each.node.id) ?? each.node
      })),
      edges: placed.edges.map(each => {
        const { kind, from, to } = each.edge;
        return {
          ...each,
          edge: edges.get(`${kind} ${from} ${to}`) ?? each.edge
        };
      })
    };
  }, [placed, graph]);
}

/** The size of an element; null before it is shown. */
export function useSize(element: React.RefObject<HTMLElement>): ISize | null {
  const [size, setSize] = React.useState<ISize | null>(null);
  React.useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry?.contentRect ?? { width: 0, height: 0 };
      if (width > 0 && height > 0) {
        setSize({ width, height });
      }
    });
    if (element.current) {
      observer.observe(element.current);
    }
    return () => observer.disconnect();
  }, [element]);
  return size;
}

/** Changes the view from what it is. */
type SetView = (change: (from: IView) => IView) => void;

/** As much as can be read is shown until the user zooms or moves. */
export function useView(
  layout: ILayout | null,
  size: ISize | null,
  drawing: string
): { view: IView; setView: SetView; showAll: () => void } {
  const [own, setOwn] = React.useState<{ of: string; view: IView } | null>(
    null
  );
  const whole = layout && size ? begin(layout, size) : NO_VIEW;
  const latest = React.useRef({ whole, drawing });
  latest.current = { whole, drawing };
  const setView = React.useCallback<SetView>(change => {
    setOwn(before => {
      const { whole, drawing } = latest.current;
      const from = before?.of === drawing ? before.view : whole;
      const view = change(from);
      return view === from ? before : { of: drawing, view };
    });
  }, []);
  const showAll = (): void => {
    if (layout && size) {
      setOwn({ of: drawing, view: fit(layout, size) });
    }
  };
  return { view: own?.of === drawing ? own.view : whole, setView, showAll };
}

/** The wheel moves; with the control key, or a pinch, it zooms. */
export function useWheel(
  element: React.RefObject<HTMLElement>,
  setView: SetView
): void {
  React.useEffect(() => {
    const node = element.current;
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        const box = (event.currentTarget as Element).getBoundingClientRect();
        const factor = Math.exp(-event.deltaY / 300);
        const [x, y] = [event.clientX - box.left, event.clientY - box.top];
        setView(from => zoom(from, factor, x, y));
      } else {
        const { deltaX, deltaY } = event;
        setView(from => ({ ...from, x: from.x - deltaX, y: from.y - deltaY }));
      }
    };
    // React's own listeners are passive: they cannot keep the page from zooming.
    node?.addEventListener('wheel', onWheel, { passive: false });
    return () => node?.removeEventListener('wheel', onWheel);
  }, [element, setView]);
}

/** The mouse moves the drawing where no node is. */
export function useDrag(setView: SetView): React.HTMLAttributes<HTMLElement> {
  const isDragging = React.useRef(false);
  const end = (): void => {
    isDragging.current = false;
  };
  return {
    onPointerDown: event => {
      const target = event.target as Element;
      if (event.button === 0 && !target.closest('[role="button"]')) {
        isDragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
      }
    },
    onPointerMove: event => {
      if (isDragging.current) {
        const { movementX, movementY } = event;
        setView(from => ({
          ...from,
          x: from.x + movementX,
          y: from.y + movementY
        }));
      }
    },
    onPointerUp: end,
    onPointerCancel: end
  };
}
