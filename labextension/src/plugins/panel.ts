/**
 * The side panel with its commands and settings.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { BackendName } from '../api';
import { PanelModel } from '../panel/model';
import { KernelpipePanel, PANEL_ID } from '../panel/panel';
import { reasonText } from '../refusals';
import { IKernelpipe } from '../tokens';
import { addCommands } from './commands';

const PLUGIN_ID = 'kernelpipe:panel';

/** Below the file browser, the running kernels and the table of contents. */
const RANK = 250;

/** Keep the panel and its settings in agreement. */
async function followSettings(
  registry: ISettingRegistry,
  kernelpipe: IKernelpipe,
  panel: KernelpipePanel
): Promise<void> {
  const settings = await registry.load(PLUGIN_ID);
  const update = (): void => {
    const { backend, jobs } = settings.composite;
    kernelpipe.backend = backend as BackendName;
    panel.actions.jobs = typeof jobs === 'number' && jobs > 0 ? jobs : null;
  };
  settings.changed.connect(update, panel);
  update();
  kernelpipe.backendChanged.connect((_, backend) => {
    if (backend !== settings.composite['backend']) {
      void settings.set('backend', backend);
    }
  }, panel);
}

/** The plugin. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Shows the open notebook as a pipeline, and runs it.',
  autoStart: true,
  requires: [IKernelpipe, INotebookTracker],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    tracker: INotebookTracker,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null
  ): void => {
    const { commands, shell } = app;
    const languages = translator ?? nullTranslator;
    const trans = languages.load('kernelpipe');
    const model = new PanelModel(kernelpipe, trans);
    const widget = new KernelpipePanel(
      model,
      () => shell.activateById(PANEL_ID),
      { commands, translator: languages }
    );
    const activeCell = (): string | null =>
      tracker.activeCell?.model.id ?? null;
    const context = { commands, model, panel: widget, trans, activeCell };
    const category = trans.__('Pipeline');
    for (const command of addCommands(context)) {
      palette?.addItem({ command, category });
    }
    shell.add(widget, 'left', { rank: RANK, type: 'Pipeline' });
    restorer?.add(widget, PANEL_ID);
    if (registry) {
      followSettings(registry, kernelpipe, widget).catch((reason: unknown) => {
        model.notice = reasonText(reason);
      });
    }
  }
};
