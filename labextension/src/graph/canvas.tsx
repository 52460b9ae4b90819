/**
 * A graph that can be zoomed, moved and walked through.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { download } from '../downloads';
import { svgText } from './export';
import type { IGraph } from './graph';
import { useDrag, useLayout, useSize, useView, useWheel } from './hooks';
import type { Direction, IPlacedEdge } from './layout';
import { TextMeter } from './layout';
import { EdgeNames, GraphEdge, GraphNode } from './nodes';
import { Toolbar, ZOOM } from './toolbar';
import { neighbour, show, zoom } from './viewport';

/** What the graph needs. */
interface IPipelineGraphProps {
  trans: TranslationBundle;
  graph: IGraph;
  /** Of the pipeline; another name is another drawing, which is shown as a whole. */
  name: string;
  /** Open what a node stands for: a step, or `PARAMETERS`. */
  onOpen: (id: string) => void;
  /** Beside the buttons: what the states are of. */
  children?: React.ReactNode;
}

/** How far an arrow key moves the drawing, in pixels. */
const STEP = 60;

let markers = 0;

/** A pipeline as a graph. */
export function PipelineGraph(props: IPipelineGraphProps): JSX.Element {
  const { trans, graph, name, onOpen, children } = props;
  const frame = React.useRef<HTMLDivElement>(null);
  const drawing = React.useRef<SVGSVGElement>(null);
  const [marker] = React.useState(() => `jp-kernelpipe-arrow-${++markers}`);
  const [chosen, setChosen] = React.useState<Direction | null>(null);
  const size = useSize(frame);
  const isShown = size !== null;
  const meter = React.useMemo(
    () => (isShown ? new TextMeter(frame.current ?? document.body) : null),
    [isShown]
  );
  const { layout, direction } = useLayout(graph, chosen, meter, size, name);
  const { view, setView, showAll } = useView(
    layout,
    size,
    `${name}${direction}`
  );
  const [current, setCurrent] = React.useState<string | null>(null);
  const [pointed, setPointed] = React.useState<string | null>(null);
  useWheel(frame, setView);
  const drag = useDrag(setView);

  const tabStop =
    graph.nodes.find(node => node.id === current)?.id ?? graph.nodes[0]?.id;
  const isHighlighted = ({ edge }: IPlacedEdge): boolean =>
    pointed !== null && (edge.from === pointed || edge.to === pointed);
  const zoomBy = (factor: number): void => {
    if (size) {
      setView(from => zoom(from, factor, size.width / 2, size.height / 2));
    }
  };
  const focus = (id: string): void => {
    setCurrent(id);
    const placed = layout?.nodes.find(each => each.node.id === id);
    if (placed && size) {
      setView(from => show(from, placed, size));
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || !layout) {
      return;
    }
    const move = MOVES[event.key];
    if (event.shiftKey && move) {
      setView(from => ({ ...from, x: from.x + move.x, y: from.y + move.y }));
    } else if (move && current !== null) {
      const next = neighbour(layout, direction, current, event.key);
      focusNode(drawing.current, next);
    } else if (event.key === 'Home' || event.key === 'End') {
      const { nodes } = graph;
      const node = nodes[event.key === 'Home' ? 0 : nodes.length - 1];
      focusNode(drawing.current, node?.id);
    } else if (event.key === '+' || event.key === '=') {
      zoomBy(ZOOM);
    } else if (event.key === '-') {
      zoomBy(1 / ZOOM);
    } else if (event.key === '0') {
      showAll();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const save = (): void => {
    if (drawing.current && layout) {
      const { width, height } = layout;
      const text = svgText(drawing.current, width, height);
      download(`${name}.svg`, text, 'image/svg+xml;charset=utf-8');
    }
  };

  return (
    <div className="jp-kernelpipe-Graph-canvas">
      <Toolbar
        trans={trans}
        scale={view.scale}
        direction={direction}
        onZoom={zoomBy}
        onShowAll={showAll}
        onTurn={setChosen}
        onSave={save}
      >
        {children}
      </Toolbar>
      <div
        className="jp-kernelpipe-Graph-frame"
        ref={frame}
        onKeyDown={onKeyDown}
        {...drag}
      >
        <svg
          ref={drawing}
          className="jp-kernelpipe-Graph-drawing"
          role="group"
          aria-label={trans.__('Pipeline of %1', name)}
        >
          <g transform={`translate(${view.x},${view.y}) scale(${view.scale})`}>
            <defs>
              <marker
                id={marker}
                className="jp-kernelpipe-Graph-arrow"
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="8"
                markerHeight="8"
                markerUnits="userSpaceOnUse"
                orient="auto"
              >
                <path d="M0,0.500L8,4L0,7.500z" />
              </marker>
            </defs>
            <g aria-hidden="true">
              {layout?.edges.map(placed => (
                <GraphEdge
                  key={keyOf(placed)}
                  placed={placed}
                  marker={marker}
                  isHighlighted={isHighlighted(placed)}
                />
              ))}
              {layout?.edges.map(
                placed =>
                  placed.edge.text && (
                    <EdgeNames
                      key={keyOf(placed)}
                      placed={placed}
                      isHighlighted={isHighlighted(placed)}
                    />
                  )
              )}
            </g>
            {meter &&
              layout?.nodes.map(placed => (
                <GraphNode
                  key={placed.node.id}
                  placed={placed}
                  meter={meter}
                  isCurrent={placed.node.id === tabStop}
                  onOpen={onOpen}
                  onPoint={setPointed}
                  onFocus={focus}
                />
              ))}
          </g>
        </svg>
      </div>
      <TextList trans={trans} graph={graph} onOpen={onOpen} />
    </div>
  );
}

const MOVES: { [key: string]: { x: number; y: number } | undefined } = {
  ArrowLeft: { x: STEP, y: 0 },
  ArrowRight: { x: -STEP, y: 0 },
  ArrowUp: { x: 0, y: STEP },
  ArrowDown: { x: 0, y: -STEP }
};

function keyOf({ edge }: IPlacedEdge): string {
  return `${edge.kind} ${edge.from} ${edge.to}`;
}

/** The graph in words. */
function TextList({
  trans,
  graph,
  onOpen
}: Pick<IPipelineGraphProps, 'trans' | 'graph' | 'onOpen'>): JSX.Element {
  return (
    <details className="jp-kernelpipe-Graph-list">
      <summary>{trans.__('As text')}</summary>
      <ol>
        {graph.nodes.map(({ id, description }) => (
          <li key={id}>
            <button type="button" onClick={() => onOpen(id)}>
              {description}
            </button>
          </li>
        ))}
      </ol>
    </details>
  );
}

function focusNode(
  drawing: SVGSVGElement | null,
  id: string | undefined
): void {
  if (id !== undefined) {
    drawing
      ?.querySelector<SVGGElement>(`[data-kernelpipe-node="${CSS.escape(id)}"]`)
      ?.focus();
  }
}
