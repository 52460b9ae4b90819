/**
 * Which cells an edit of tags is about.
 */
import type { ICellMark, IStep } from '../api';
import type { INotebookSession } from '../tokens';

/** The ids of the selected cells that hold code, the active one among them. */
export function selectedIds(session: INotebookSession): string[] {
  const notebook = session.panel.content;
  return notebook.widgets
    .filter(
      cell => notebook.isSelectedOrActive(cell) && cell.model.type === 'code'
    )
    .map(cell => cell.model.id);
}

/** Whether tags can be changed: there is code, and the notebook is not read-only. */
export function canTag(session: INotebookSession | null): boolean {
  return (
    session !== null &&
    session.panel.model?.readOnly === false &&
    selectedIds(session).length > 0
  );
}

/** What the analysis says of a cell; null before it does. */
export function markOf(
  session: INotebookSession | null,
  id: string | undefined
): ICellMark | null {
  return session?.analysis?.cells.find(mark => mark.id === id) ?? null;
}

/** What the analysis says of the active cell. */
export function activeMark(session: INotebookSession | null): ICellMark | null {
  return markOf(session, session?.panel.content.activeCell?.model.id);
}

/** The names of the steps, in the order of the notebook. */
export function stepNames(session: INotebookSession | null): string[] {
  return session?.analysis?.steps.map(step => step.name) ?? [];
}

/** A step by its name. */
export function stepOf(
  session: INotebookSession,
  name: string | null
): IStep | null {
  return session.analysis?.steps.find(step => step.name === name) ?? null;
}

/** The id of a cell of the step; the server finds the right one. */
export function headOf(session: INotebookSession, step: IStep): string[] {
  const mark = session.analysis?.cells.find(each => each.step === step.name);
  return mark === undefined ? [] : [mark.id];
}

/** Make the cell of a node the active one, unless it is selected. */
export function activateCell(
  session: INotebookSession | null,
  node: HTMLElement
): void {
  const notebook = session?.panel.content;
  const index = notebook?.widgets.findIndex(cell => cell.node === node) ?? -1;
  const cell = notebook?.widgets[index];
  if (notebook && cell && !notebook.isSelectedOrActive(cell)) {
    notebook.deselectAll();
    notebook.activeCellIndex = index;
  }
}
