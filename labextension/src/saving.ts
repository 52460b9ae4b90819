/**
 * Work that needs the notebook's file to be as the editor is.
 */
import { ApiError } from './api';
import type { INotebookSession } from './tokens';

/** How often and how long, in milliseconds, a collaborative save is waited for. */
const SHARED_SAVE = { tries: 10, delayMs: 300 };

const CONFLICT = 409;

/**
 * Save, then do something; an editor that is shared saves by itself and may take its time, so the
 * server may still see the file as it was.
 */
export async function whenSaved<T>(
  session: INotebookSession | null,
  work: () => Promise<T>
): Promise<T> {
  const context = session?.panel.context;
  if (context && context.contentsModel?.writable !== false) {
    await context.save();
  }
  const tries = context?.model.collaborative ? SHARED_SAVE.tries : 1;
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (reason) {
      const isOld = reason instanceof ApiError && reason.status === CONFLICT;
      if (!isOld || tried >= tries) {
        throw reason;
      }
      await new Promise(resolve =>
        window.setTimeout(resolve, SHARED_SAVE.delayMs)
      );
    }
  }
}
