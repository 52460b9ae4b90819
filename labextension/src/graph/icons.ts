/**
 * The icons of the graph's buttons.
 */
import { LabIcon } from '@jupyterlab/ui-components';

const icon = (name: string, body: string): LabIcon =>
  new LabIcon({
    name: `kernelpipe:graph-${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">${body}</g></svg>`
  });

/** Of the tab and its command. */
export const graphIcon = icon(
  'tab',
  '<rect x="5" y="1.500" width="6" height="4" rx="1"/><rect x="1" y="10.500" width="6" height="4" rx="1"/><rect x="9" y="10.500" width="6" height="4" rx="1"/><path d="M8 5.500v2.500M4 10.500V8h8v2.500"/>'
);

/** A plus. */
export const zoomInIcon = icon('zoom-in', '<path d="M8 3v10M3 8h10"/>');

/** A minus. */
export const zoomOutIcon = icon('zoom-out', '<path d="M3 8h10"/>');

/** A frame. */
export const fitIcon = icon(
  'fit',
  '<path d="M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10"/>'
);

/** An arrow. */
export const downIcon = icon(
  'down',
  '<path d="M8 3v10M4.500 9.500L8 13l3.500-3.500"/>'
);

/** An arrow. */
export const rightIcon = icon(
  'right',
  '<path d="M3 8h10M9.500 4.500L13 8l-3.500 3.500"/>'
);

/** An arrow into a tray. */
export const exportIcon = icon(
  'export',
  '<path d="M8 2v8M5 7.500L8 10.500l3-3M2.500 11v2.500h11V11"/>'
);
