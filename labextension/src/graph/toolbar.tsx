/**
 * The buttons above a graph.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Button } from '../buttons';
import {
  downIcon,
  exportIcon,
  fitIcon,
  rightIcon,
  zoomInIcon,
  zoomOutIcon
} from './icons';
import type { Direction } from './layout';

/** By how much a button zooms. */
export const ZOOM = 1.25;

/** What the buttons need. */
interface IToolbarProps {
  trans: TranslationBundle;
  scale: number;
  direction: Direction;
  onZoom: (factor: number) => void;
  onShowAll: () => void;
  onTurn: (direction: Direction) => void;
  onSave: () => void;
  /** Beside the buttons. */
  children?: React.ReactNode;
}

/** A row of buttons. */
export function Toolbar(props: IToolbarProps): JSX.Element {
  const { trans, scale, direction, children } = props;
  const { onZoom, onShowAll, onTurn, onSave } = props;
  return (
    <div
      className="jp-kernelpipe-Graph-toolbar"
      role="group"
      aria-label={trans.__('Graph')}
    >
      <div className="jp-kernelpipe-Graph-status" role="status">
        {children}
      </div>
      <Button
        kind="icon"
        icon={zoomOutIcon}
        label={trans.__('Zoom out (-)')}
        onClick={() => onZoom(1 / ZOOM)}
      />
      <span className="jp-kernelpipe-Graph-scale">
        {Math.round(scale * 100)} %
      </span>
      <Button
        kind="icon"
        icon={zoomInIcon}
        label={trans.__('Zoom in (+)')}
        onClick={() => onZoom(ZOOM)}
      />
      <Button
        kind="icon"
        icon={fitIcon}
        label={trans.__('Show everything (0)')}
        onClick={onShowAll}
      />
      {direction === 'TB' ? (
        <Button
          kind="icon"
          icon={rightIcon}
          label={trans.__('Draw from left to right')}
          onClick={() => onTurn('LR')}
        />
      ) : (
        <Button
          kind="icon"
          icon={downIcon}
          label={trans.__('Draw from top to bottom')}
          onClick={() => onTurn('TB')}
        />
      )}
      <Button
        kind="icon"
        icon={exportIcon}
        label={trans.__('Save as SVG')}
        onClick={onSave}
      />
    </div>
  );
}
