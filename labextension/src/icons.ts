/**
 * The icons and colours; icons of states differ in shape, not only in colour.
 */
import { LabIcon } from '@jupyterlab/ui-components';

import type { State } from './api';

const svg = (body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">${body}</svg>`;

/** Of the panel and the commands. */
export const kernelpipeIcon = new LabIcon({
  name: 'kernelpipe:pipeline',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161"><circle cx="3" cy="8" r="2"/><circle cx="13" cy="3.5" r="2"/><circle cx="13" cy="12.5" r="2"/><path d="M5 7.4c3.5 0 2.5-4 6.2-4v1.2C8.400 4.600 9 8.600 5 8.600zM5 7.400c4 0 3.400 4 6.200 4v1.200C7.500 12.600 8.500 8.600 5 8.600z"/></g>'
  )
});

/** Of warnings; that of errors is Lab's. */
export const warningIcon = new LabIcon({
  name: 'kernelpipe:warning',
  svgstr: svg(
    '<g class="jp-kernelpipe-WarningIcon" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"><path d="M8 2.300l6 11H2z"/><path d="M8 6.500v3M8 11.500v.100"/></g>'
  )
});

const state = (name: string, className: string, body: string): LabIcon =>
  new LabIcon({
    name: `kernelpipe:state-${name}`,
    svgstr: svg(
      `<g class="jp-kernelpipe-StateIcon-${className}" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${body}</g>`
    )
  });

const STATES: { [name in State]: LabIcon } = {
  PENDING: state(
    'pending',
    'pending',
    '<circle cx="8" cy="8" r="5.500" stroke-dasharray="2 2.300"/>'
  ),
  RUNNING: state(
    'running',
    'running',
    '<path d="M8 2.500a5.500 5.500 0 1 1-5.500 5.500"/>'
  ),
  SUCCEEDED: state(
    'succeeded',
    'succeeded',
    '<circle cx="8" cy="8" r="5.500"/><path d="M5.500 8.200l1.800 1.800 3.300-3.700"/>'
  ),
  SKIPPED: state(
    'skipped',
    'skipped',
    '<circle cx="8" cy="8" r="5.500"/><path d="M5.500 8h5"/>'
  ),
  FAILED: state(
    'failed',
    'failed',
    '<circle cx="8" cy="8" r="5.500"/><path d="M6 6l4 4M10 6l-4 4"/>'
  ),
  CANCELING: state(
    'canceling',
    'running',
    '<path d="M8 2.500a5.500 5.500 0 1 1-5.500 5.500"/><path d="M6.500 6.500h3v3h-3z"/>'
  ),
  CANCELED: state(
    'canceled',
    'skipped',
    '<circle cx="8" cy="8" r="5.500"/><path d="M6.300 6.300h3.400v3.400H6.300z"/>'
  )
};

/** Return which of the colours in style/base.css a step has, by its place. */
export function colourOf(place: number): number {
  return place % 8;
}

/** Return the icon of a state. */
export function stateIcon(name: State): LabIcon {
  return STATES[name];
}
