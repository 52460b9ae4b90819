/**
 * Shows the run that matters now in the status bar.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { RunStatus } from '../runview/status';
import { IKernelpipe } from '../tokens';

/** Left of the middle. */
const RANK = 10;

/** The plugin. */
export const statusbar: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:statusbar',
  description: 'Shows how far a pipeline run is in the status bar.',
  autoStart: true,
  requires: [IKernelpipe],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    bar: IStatusBar | null,
    translator: ITranslator | null
  ): void => {
    if (bar === null) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const item = new RunStatus(kernelpipe, app.commands, trans);
    bar.registerStatusItem('kernelpipe:statusbar', {
      item,
      align: 'middle',
      rank: RANK,
      isActive: () => item.isActive,
      activeStateChanged: item.activeChanged
    });
  }
};
