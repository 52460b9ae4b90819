/**
 * The tab with the graph of the current notebook.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import {
  ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { graphIcon } from '../graph/icons';
import type { NotebookGraph } from '../graph/widget';
import { CommandIDs, IKernelpipe } from '../tokens';

const ID = 'kernelpipe-graph';

/** The plugin. */
export const graph: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:graph',
  description: 'Draws the pipeline of the current notebook.',
  autoStart: true,
  requires: [IKernelpipe],
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const tracker = new WidgetTracker<MainAreaWidget<NotebookGraph>>({
      namespace: ID
    });
    let opening: Promise<MainAreaWidget<NotebookGraph>> | null = null;

    const open = async (): Promise<MainAreaWidget<NotebookGraph>> => {
      const { NotebookGraph } = await import('../graph');
      const content = new NotebookGraph(kernelpipe, trans);
      const widget = new MainAreaWidget({ content });
      widget.id = ID;
      widget.title.label = trans.__('Pipeline graph');
      widget.title.caption = trans.__('The pipeline of the current notebook');
      widget.title.icon = graphIcon;
      widget.title.closable = true;
      widget.toolbar.hide();
      const notebook = kernelpipe.sessions.current?.panel.id;
      if (labShell) {
        labShell.add(
          widget,
          'main',
          notebook ? { ref: notebook, mode: 'split-right' } : {}
        );
      } else {
        app.shell.add(widget, 'right'); // Notebook's main area holds the notebook only
      }
      void tracker.add(widget);
      return widget;
    };

    app.commands.addCommand(CommandIDs.showGraph, {
      label: trans.__('Show Pipeline Graph'),
      caption: trans.__('Draw the pipeline of the current notebook'),
      icon: graphIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        let widget = tracker.currentWidget;
        if (widget === null) {
          opening ??= open().finally(() => {
            opening = null;
          });
          widget = await opening;
        }
        app.shell.activateById(widget.id);
      }
    });
    palette?.addItem({
      command: CommandIDs.showGraph,
      category: trans.__('Pipeline')
    });
    if (restorer) {
      void restorer.restore(tracker, {
        command: CommandIDs.showGraph,
        name: () => ID
      });
    }
  }
};
