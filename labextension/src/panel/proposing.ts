/**
 * Proposals of steps: what was asked for, and tagging cells so with a way back.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IProposal, ITags } from '../api';
import { applyTags } from '../tagging/apply';
import type { INotebookSession } from '../tokens';

/** Milliseconds for which the way back is offered; Edit > Undo is there longer. */
const SHOWN_MS = 10000;

/** A proposal with what it was made of. */
interface IProposed {
  session: INotebookSession;
  text: string;
  proposal: IProposal;
}

/** Return what a proposal depends on. */
function textOf(session: INotebookSession): string {
  const cells = session
    .cells()
    .map(({ id, cell_type, source, metadata }) => [
      id,
      cell_type,
      source,
      metadata['tags']
    ]);
  return JSON.stringify(cells);
}

/** The proposal that the panel shows, at most one. */
export class Proposals {
  private _proposed: IProposed | null = null;

  /** @param _trans - The language. */
  constructor(private readonly _trans: TranslationBundle) {}

  /** Return the proposal for a notebook, as long as it has no steps. */
  of(session: INotebookSession | null): IProposal | null {
    const isCurrent =
      this._proposed !== null &&
      this._proposed.session === session &&
      session.analysis?.steps.length === 0;
    return isCurrent ? (this._proposed?.proposal ?? null) : null;
  }

  /** Show a proposal. */
  set(session: INotebookSession, proposal: IProposal): void {
    this._proposed = { session, text: textOf(session), proposal };
  }

  /** Show none. */
  clear(): void {
    this._proposed = null;
  }

  /** Return whether the notebook is still the one that the proposal was made for. */
  isCurrent(session: INotebookSession): boolean {
    return this._proposed?.text === textOf(session);
  }

  /** Tag the cells as proposed, as one change, and offer to take it back. */
  apply(session: INotebookSession): void {
    const { steps, cells } = this._proposed?.proposal ?? {
      steps: [],
      cells: []
    };
    const before = this._tagsOf(session, cells);
    this.clear();
    if (!applyTags(session.panel, cells)) {
      return;
    }
    const after = JSON.stringify(this._tagsOf(session, cells));
    const text = this._trans._n(
      'The notebook has %1 step now.',
      'The notebook has %1 steps now.',
      steps.length
    );
    const undo = {
      label: this._trans.__('Undo'),
      callback: (): void => {
        // What was tagged otherwise since is not taken back.
        const isSame =
          !session.isDisposed &&
          JSON.stringify(this._tagsOf(session, cells)) === after;
        if (isSame) {
          applyTags(session.panel, before);
        }
      }
    };
    Notification.success(text, { autoClose: SHOWN_MS, actions: [undo] });
  }

  /** Return the tags that cells have now. */
  private _tagsOf(session: INotebookSession, cells: ITags[]): ITags[] {
    const tags = new Map(
      session.cells().map(each => [each.id, each.metadata['tags'] ?? []])
    );
    return cells.map(({ id }) => ({ id, tags: tags.get(id) as string[] }));
  }
}
