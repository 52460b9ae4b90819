/**
 * Nodes and edges as they are drawn.
 */
import * as React from 'react';

import type { State } from '../api';
import { stateIcon } from '../icons';
import type { IPlacedEdge, IPlacedNode, TextMeter } from './layout';
import { NOTE_HEIGHT, textWidth } from './layout';

/** What a node needs. */
interface INodeProps {
  placed: IPlacedNode;
  meter: TextMeter;
  /** Whether the Tab key leads to it. */
  isCurrent: boolean;
  onOpen: (id: string) => void;
  /** With the node that is pointed at; null when it is left. */
  onPoint: (id: string | null) => void;
  onFocus: (id: string) => void;
}

/** A step or the parameters. */
export function GraphNode(props: INodeProps): JSX.Element {
  const { placed, meter, isCurrent, onOpen, onPoint, onFocus } = props;
  const { node, x, y, width, height } = placed;
  const isStep = node.kind === 'step';
  const start = !isStep ? 14 : node.state === null ? 18 : 34;
  const room = textWidth(placed) + 38 - start;
  const middle = height / 2 - (node.note === '' ? 0 : NOTE_HEIGHT / 2);
  return (
    <g
      className={`jp-kernelpipe-Graph-node jp-kernelpipe-mod-${node.kind}`}
      transform={`translate(${x},${y})`}
      role="button"
      tabIndex={isCurrent ? 0 : -1}
      aria-label={node.description}
      data-kernelpipe-node={node.id}
      data-kernelpipe-step={isStep ? node.id : undefined}
      data-kernelpipe-state={node.state ?? undefined}
      data-kernelpipe-colour={node.colour ?? undefined}
      onClick={() => onOpen(node.id)}
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          onOpen(node.id);
        }
      }}
      onFocus={event => {
        onFocus(node.id);
        if (event.currentTarget.matches(':focus-visible')) {
          onPoint(node.id);
        }
      }}
      onBlur={() => onPoint(null)}
      onPointerEnter={() => onPoint(node.id)}
      onPointerLeave={() => onPoint(null)}
    >
      <title>{node.description}</title>
      <rect
        className="jp-kernelpipe-Graph-box"
        width={width}
        height={height}
        rx={isStep ? 8 : height / 2}
      />
      {isStep && (
        <path
          className="jp-kernelpipe-Graph-strip"
          d={`M8,0.5h-0.500a7,7 0 0 0 -7,7v${height - 15}a7,7 0 0 0 7,7h0.500z`}
        />
      )}
      {node.state !== null && <StateMark state={node.state} y={middle - 8} />}
      <text className="jp-kernelpipe-Graph-title" x={start} y={middle - 3}>
        {meter.fit(node.title, 'title', room)}
      </text>
      <text className="jp-kernelpipe-Graph-line" x={start} y={middle + 12}>
        {meter.fit(node.line, 'small', room)}
      </text>
      {node.note !== '' && (
        <text
          className="jp-kernelpipe-Graph-note"
          x={start}
          y={middle + 12 + NOTE_HEIGHT}
        >
          {meter.fit(node.note, 'small', room)}
        </text>
      )}
    </g>
  );
}

function StateMark({ state, y }: { state: State; y: number }): JSX.Element {
  // Our own constants; an <svg> inside an <svg> needs its height.
  const html = stateIcon(state).svgstr.replace('<svg ', '<svg height="16" ');
  return (
    <g
      transform={`translate(13,${y})`}
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}

/** What an edge's names need. */
type INamesProps = Omit<IEdgeProps, 'marker'>;

/** What an edge needs. */
interface IEdgeProps {
  placed: IPlacedEdge;
  /** The id of the marker at its end. */
  marker: string;
  isHighlighted: boolean;
}

/** A line from step to step. */
export function GraphEdge(props: IEdgeProps): JSX.Element {
  const { placed, marker, isHighlighted } = props;
  const { edge, path } = placed;
  const gated = edge.isGated ? ' jp-kernelpipe-mod-gated' : '';
  const highlight = isHighlighted ? ' jp-kernelpipe-mod-highlighted' : '';
  return (
    <g
      className={`jp-kernelpipe-Graph-edge jp-kernelpipe-mod-${edge.kind}${gated}${highlight}`}
      data-kernelpipe-from={edge.from}
      data-kernelpipe-to={edge.to}
    >
      <title>{edge.title}</title>
      <path className="jp-kernelpipe-Graph-reach" d={path} />
      <path
        className="jp-kernelpipe-Graph-path"
        d={path}
        markerEnd={`url(#${marker})`}
      />
    </g>
  );
}

/** What goes along an edge; drawn above all lines. */
export function EdgeNames({ placed, isHighlighted }: INamesProps): JSX.Element {
  const { edge, x, y } = placed;
  const highlight = isHighlighted ? ' jp-kernelpipe-mod-highlighted' : '';
  return (
    <text className={`jp-kernelpipe-Graph-names${highlight}`} x={x} y={y + 4}>
      <title>{edge.title}</title>
      {edge.text}
    </text>
  );
}
