/**
 * Sets the tags of cells so that the user can undo it.
 */
import type { YNotebook } from '@jupyter/ydoc';
import type { ICellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';

import type { ITags } from '../api';

/**
 * Set the tags of several cells as one change that Edit > Undo takes back.
 *
 * A cell's own undo history leaves metadata out, the notebook's (that of cell operations: `z` in
 * command mode, Edit > Undo) takes in what happens in a transaction of the notebook. The change
 * goes through the shared model alone, so others who edit the notebook see it.
 *
 * @param panel - The notebook.
 * @param tags - The new tags of the cells that change; cells that are gone are left out.
 * @returns Whether anything changed.
 */
export function applyTags(
  panel: NotebookPanel,
  tags: readonly ITags[]
): boolean {
  const model = panel.model;
  if (model === null || model.readOnly) {
    return false;
  }
  const changes = new Map(tags.map(each => [each.id, each.tags]));
  const cells = Array.from(model.cells).filter(cell => {
    const wanted = changes.get(cell.id);
    return wanted !== undefined && !isSame(tagsOf(cell), wanted);
  });
  if (cells.length === 0) {
    return false;
  }
  const shared = model.sharedModel;
  const history = (shared as Partial<YNotebook>).undoManager;
  // Without it, changes within half a second would be undone together.
  history?.stopCapturing();
  shared.transact(() => {
    for (const cell of cells) {
      setTags(cell, changes.get(cell.id) ?? []);
    }
  });
  history?.stopCapturing();
  return true;
}

function setTags(cell: ICellModel, tags: string[]): void {
  if (tags.length === 0) {
    cell.deleteMetadata('tags');
  } else {
    cell.setMetadata('tags', tags);
  }
}

function tagsOf(cell: ICellModel): unknown {
  return cell.getMetadata('tags');
}

function isSame(now: unknown, wanted: string[]): boolean {
  return JSON.stringify(now ?? []) === JSON.stringify(wanted);
}
