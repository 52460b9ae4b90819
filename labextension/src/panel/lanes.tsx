/**
 * The lines beside the list of steps; the server says where they run.
 */
import * as React from 'react';

import type { ILane } from '../api';
import { colourOf } from '../icons';

/** Pixels: between lanes, most for all, from a row's top to its dot, below a row's end, a curve. */
const GAP = 12;
const MOST = 60;
const DOT = 18;
const TAIL = 10;
const CURVE = DOT + TAIL;

/** Return the width of all lanes in pixels, and where each one is. */
export function laneScale(lanes: readonly ILane[]): {
  width: number;
  x: (lane: number) => number;
} {
  const last = lanes.reduce(
    (most, { lane, lines }) =>
      Math.max(most, lane, ...lines.map(line => Math.max(line.from, line.to))),
    0
  );
  const gap = last === 0 ? GAP : Math.min(GAP, MOST / last);
  return { width: 20 + last * gap, x: lane => 10 + lane * gap };
}

/** The lines of one row: straight down beside it, and over to the next row's lanes. */
export function Lanes(props: {
  lane: ILane;
  colour: number;
  scale: ReturnType<typeof laneScale>;
}): React.JSX.Element {
  const { lane, colour, scale } = props;
  const { width, x } = scale;
  const starts = [...new Set(lane.lines.map(line => line.from))];
  return (
    <div
      className="jp-kernelpipe-PanelLanes"
      style={{ inlineSize: width }}
      aria-hidden="true"
    >
      <svg
        className="jp-kernelpipe-PanelLanes-straight"
        style={{
          insetBlockStart: DOT,
          blockSize: `calc(100% - ${CURVE}px)`
        }}
      >
        {starts.map(from => (
          <line key={from} x1={x(from)} y1="0" x2={x(from)} y2="100%" />
        ))}
      </svg>
      <svg
        className="jp-kernelpipe-PanelLanes-curves"
        style={{ blockSize: CURVE, insetBlockEnd: -DOT }}
      >
        {lane.lines.map(({ from, to }) => (
          <path
            key={`${from}-${to}`}
            d={`M${x(from)} 0C${x(from)} ${CURVE / 2} ${x(to)} ${CURVE / 2} ${x(to)} ${CURVE}`}
          />
        ))}
      </svg>
      <svg
        className="jp-kernelpipe-PanelLanes-dot"
        style={{ blockSize: 2 * DOT }}
      >
        <circle
          className="jp-kernelpipe-PanelDot"
          data-kernelpipe-colour={colourOf(colour)}
          cx={x(lane.lane)}
          cy={DOT}
          r="5"
        />
      </svg>
    </div>
  );
}
