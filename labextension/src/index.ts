/**
 * The plugins of the extension.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { cells } from './plugins/cells';
import { core } from './plugins/core';
import { graph } from './plugins/graph';
import { notifications } from './plugins/notifications';
import { panel } from './plugins/panel';
import { running } from './plugins/running';
import { runs } from './plugins/runs';
import { statusbar } from './plugins/statusbar';
import { tagging } from './plugins/tagging';

/* eslint-disable @typescript-eslint/no-explicit-any -- Lab's own type for a list of plugins */
type Plugin = JupyterFrontEndPlugin<any, any, any>;

/** Return a plugin whose activation shows in the browser's own timing. */
function timed(plugin: Plugin): Plugin {
  return {
    ...plugin,
    activate: (...args: Parameters<Plugin['activate']>): unknown => {
      const start = performance.now();
      const activated: unknown = plugin.activate(...args);
      performance.measure('kernelpipe:activate', { start, detail: plugin.id });
      return activated;
    }
  };
}

const plugins: Plugin[] = [
  core,
  panel,
  tagging,
  runs,
  running,
  statusbar,
  notifications,
  cells,
  graph
];

/** What JupyterLab and Jupyter Notebook load. */
export default plugins.map(timed);
