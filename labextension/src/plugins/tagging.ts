/**
 * Tagging without typing tags: commands, menus, the cell toolbar, the property inspector.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTools } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { StepButton } from '../tagging/celltool';
import { addTaggingCommands } from '../tagging/commands';
import { StepMenu } from '../tagging/menu';
import { activateCell } from '../tagging/selection';
import { StepTool } from '../tagging/tool';
import { CommandIDs, IKernelpipe } from '../tokens';

/** Below the items that act on the cell itself. */
const MENU_RANK = 11.5;

/** The widget that holds the sections in JupyterLab. */
const INSPECTOR_ID = 'jp-property-inspector';

/** The plugin. */
export const tagging: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:tagging',
  description: 'Makes cells steps, tests, parameters, without typing tags.',
  autoStart: true,
  requires: [IKernelpipe],
  optional: [
    ITranslator,
    ICommandPalette,
    IToolbarWidgetRegistry,
    INotebookTools
  ],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    toolbars: IToolbarWidgetRegistry | null,
    tools: INotebookTools | null
  ): void => {
    const { commands, contextMenu, shell } = app;
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const category = trans.__('Pipeline');
    for (const command of addTaggingCommands(commands, kernelpipe, trans)) {
      palette?.addItem({ command, category });
    }
    const menu = new StepMenu(commands, kernelpipe, trans);
    const place = { selector: '.jp-Notebook .jp-CodeCell', rank: MENU_RANK };
    contextMenu.addItem({ type: 'submenu', submenu: menu, ...place });
    contextMenu.addItem({ type: 'separator', ...place });
    contextMenu.opened.connect(() => {
      // Lab leaves the active cell as it is when another one's editor is clicked.
      const isCell = (node: HTMLElement): boolean =>
        node.classList.contains('jp-Cell');
      const node = app.contextMenuHitTest(isCell);
      if (node) {
        activateCell(kernelpipe.sessions.current, node);
      }
    });
    toolbars?.addFactory<Cell>(
      'Cell',
      'kernelpipe-step',
      cell => new StepButton(cell, kernelpipe, menu, trans)
    );
    const tool = tools && new StepTool(kernelpipe, trans);
    if (tools && tool) {
      const label = trans.__('Pipeline Step');
      tools.addSection({ sectionName: 'kernelpipe', label, tool });
      commands.addCommand(CommandIDs.stepSettings, {
        label: trans.__('Pipeline Step Settings'),
        caption: trans.__('Show order, resources and other settings'),
        describedBy: { args: { type: 'object', properties: {} } },
        isEnabled: () => kernelpipe.sessions.current !== null,
        execute: () => {
          const right = Array.from(shell.widgets('right'));
          const holder = right.find(widget => widget.contains(tool));
          shell.activateById(holder?.id ?? INSPECTOR_ID);
          tool.reveal();
        }
      });
      palette?.addItem({ command: CommandIDs.stepSettings, category });
    }
  }
};
