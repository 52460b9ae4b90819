/**
 * The views of runs, and the commands that open, compare and delete runs.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addRunCommands } from '../runview/commands';
import { Places } from '../runview/places';
import { CommandIDs, IKernelpipe } from '../tokens';

type Restorer = ILayoutRestorer | null;

/** Make the tabs come back after a reload. */
function restoreAll(restorer: Restorer, places: Places): void {
  if (restorer === null) {
    return;
  }
  const name = (widget: { id: string }): string => widget.id;
  void restorer.restore(places.views, {
    command: CommandIDs.openRun,
    args: ({ content: { key, step } }) => ({ ...key, step }),
    name
  });
  void restorer.restore(places.notebooks, {
    command: CommandIDs.openRunNotebook,
    args: ({ content: { key, step } }) => ({ ...key, step }),
    name
  });
  void restorer.restore(places.comparisons, {
    command: CommandIDs.compareRuns,
    args: ({ content: { before, after } }) => ({
      before_folder: before.folder,
      before: before.run_id,
      after_folder: after.folder,
      after: after.run_id
    }),
    name
  });
}

/** The plugin. */
export const runs: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:runs',
  description:
    'Shows runs: steps, logs, errors, values and executed notebooks.',
  autoStart: true,
  requires: [IKernelpipe, IRenderMimeRegistry],
  optional: [
    ITranslator,
    ILabShell,
    ILayoutRestorer,
    ICommandPalette,
    NotebookPanel.IContentFactory,
    IEditorServices
  ],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    rendermime: IRenderMimeRegistry,
    translator: ITranslator | null,
    labShell: ILabShell | null,
    restorer: Restorer,
    palette: ICommandPalette | null,
    contentFactory: NotebookPanel.IContentFactory | null,
    editorServices: IEditorServices | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const { commands } = app;
    const places = new Places(
      app.shell,
      labShell === null ? 'down' : 'main',
      { kernelpipe, commands, rendermime, trans },
      contentFactory && editorServices && { contentFactory, editorServices }
    );
    const names = addRunCommands(commands, { kernelpipe, trans, places });
    names.forEach(command =>
      palette?.addItem({ command, category: trans.__('Pipeline') })
    );
    restoreAll(restorer, places);
  }
};
