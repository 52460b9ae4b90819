/**
 * Shows what is below the notebook in Jupyter Notebook, whose shell leaves that to us.
 */
import type { Widget } from '@lumino/widgets';
import { SplitPanel, TabPanel } from '@lumino/widgets';

/** How much of the page what is below gets when it would hardly be seen. */
const SHARES = [1, 1];

/** The height, in pixels, that is worth looking at. */
const LEAST_HEIGHT = 120;

/** Make a widget the current one of the area below, and the area large enough; else do nothing. */
export function showBelow(widget: Widget): void {
  const area = widget.parent?.parent;
  if (!(area instanceof TabPanel)) {
    return;
  }
  area.currentWidget = widget;
  const split = area.parent;
  // The area, if it was hidden, gets its place first.
  window.requestAnimationFrame(() => {
    if (split instanceof SplitPanel && area.node.clientHeight < LEAST_HEIGHT) {
      split.setRelativeSizes(SHARES);
    }
  });
}
