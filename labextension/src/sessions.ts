/**
 * Analyses open notebooks on the server while they are edited.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import { PromiseDelegate } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';
import { Signal } from '@lumino/signaling';

import type { IAnalysis, ICellContent, INotebookContent, TagEdit } from './api';
import type { Api } from './client';
import { ApiError } from './api';
import { asApiError } from './refusals';
import { applyTags } from './tagging/apply';
import type { INotebookSession, INotebookSessions } from './tokens';

/** Milliseconds without a change before the notebook is analysed. */
const DELAY_MS = 150;

/** Milliseconds before a server that failed is asked again: at first, and at most. */
const RETRY_MS = { first: 1000, most: 30000 };

/** What sessions need of the application. */
interface ISurroundings {
  app: JupyterFrontEnd;
  api: Api;
  contents: Contents.IManager;
  state: IStateDB | null;
  trans: TranslationBundle;
}

/** An open notebook; see the interface. */
class NotebookSession implements INotebookSession {
  readonly changed = new Signal<this, void>(this);
  readonly disposed = new Signal<this, void>(this);
  analysis: IAnalysis | null = null;
  problem: ApiError | null = null;
  isStale = true;
  parameters: { [name: string]: string } = {};
  isDisposed = false;

  private readonly _debouncer = new Debouncer<void>(
    () => this.refresh(),
    DELAY_MS
  );
  private _asked = '';
  private _editedSteps: ReadonlySet<string> = new Set();
  private _isEdited = false;
  private _current: Promise<void> | null = null;
  private _next: PromiseDelegate<void> | null = null;
  private _edited: Promise<void> = Promise.resolve();
  private _retryMs = RETRY_MS.first;
  private _retry = 0;

  constructor(
    readonly panel: NotebookPanel,
    private readonly _with: ISurroundings
  ) {
    panel.context.model.contentChanged.connect(this._onContentChanged, this);
    panel.context.pathChanged.connect(this._onPathChanged, this);
    panel.disposed.connect(this.dispose, this);
    void this._restoreParameters();
    void this.refresh();
  }

  get path(): string {
    return this._with.contents.localPath(this.panel.context.path);
  }

  get editedSteps(): ReadonlySet<string> {
    return this._editedSteps;
  }

  set editedSteps(steps: ReadonlySet<string>) {
    const isSame =
      steps.size === this._editedSteps.size &&
      [...steps].every(step => this._editedSteps.has(step));
    if (!isSame && !this.isDisposed) {
      this._editedSteps = steps;
      this.changed.emit();
    }
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    window.clearTimeout(this._retry);
    this._debouncer.dispose();
    this.disposed.emit();
    Signal.clearData(this);
  }

  setParameter(name: string, json: string | undefined): void {
    this.parameters = { ...this.parameters };
    if (json === undefined) {
      delete this.parameters[name];
    } else {
      this.parameters[name] = json;
    }
    this._saveParameters();
  }

  given(): { [name: string]: string } {
    const known = new Set(this.analysis?.parameters.map(each => each.name));
    const given = Object.entries(this.parameters);
    return Object.fromEntries(given.filter(([name]) => known.has(name)));
  }

  resetParameters(): void {
    this.parameters = {};
    this._saveParameters();
  }

  cells(): ICellContent[] {
    return this.panel.context.model.sharedModel.cells.map(cell => ({
      id: cell.getId(),
      cell_type: cell.cell_type,
      source: cell.getSource(),
      metadata: cell.getMetadata()
    }));
  }

  content(): INotebookContent {
    const model = this.panel.context.model;
    return {
      cells: this.cells(),
      metadata: model.sharedModel.getMetadata(),
      nbformat: model.nbformat,
      nbformat_minor: model.nbformatMinor
    };
  }

  /** Edits wait for each other: each must see the tags that the one before has set. */
  async edit(edit: TagEdit): Promise<void> {
    const turn = this._edited.then(async () => {
      const tags = await this._with.api.editTags(this.cells(), edit);
      applyTags(this.panel, tags);
    });
    this._edited = turn.catch(() => undefined); // it is told to who asked for the edit
    await turn;
    await this.refresh();
  }

  /**
   * One request is under way at any time, and at most one waits: it sends the notebook as it is
   * when its turn comes.
   */
  async refresh(): Promise<void> {
    if (this._current === null) {
      this._current = this._analyse();
      return this._current;
    }
    this._next ??= new PromiseDelegate<void>();
    return this._next.promise;
  }

  async reveal(
    cell: { id: string | null; index: number | null },
    line?: number | null,
    column?: number | null
  ): Promise<void> {
    const notebook = this.panel.content;
    const index =
      cell.id === null
        ? (cell.index ?? -1)
        : notebook.widgets.findIndex(widget => widget.model.id === cell.id);
    const widget = notebook.widgets[index];
    this._with.app.shell.activateById(this.panel.id);
    if (widget === undefined) {
      const { trans } = this._with;
      Notification.info(trans.__('That cell is no longer in the notebook.'));
      return;
    }
    NotebookActions.expandParent(widget, notebook);
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'smart');
    await widget.ready;
    if (line === undefined || line === null || widget.editor === null) {
      notebook.activate();
      return;
    }
    notebook.mode = 'edit';
    widget.editor.focus();
    const position = { line: line - 1, column: column ?? 0 };
    widget.editor.setCursorPosition(position);
    widget.editor.revealPosition(position);
  }

  /** Ask the server; then let the waiting request have its turn. */
  private async _analyse(): Promise<void> {
    await this._ask();
    const next = this._next;
    this._next = null;
    if (next === null || this.isDisposed) {
      this._current = null;
      next?.resolve();
      return;
    }
    this._current = this._analyse();
    void this._current.then(() => next.resolve());
  }

  private async _ask(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    const { path } = this;
    const content = this.content();
    const text = path + JSON.stringify(content);
    if (text === this._asked && this.problem === null) {
      this.isStale = false;
      return;
    }
    this.isStale = true;
    this._isEdited = false;
    this._asked = text;
    try {
      this.analysis = await this._with.api.analyse(path, content);
      this.problem = null;
      this.isStale = this._isEdited;
      this._retryMs = RETRY_MS.first;
    } catch (reason) {
      this.problem = asApiError(reason);
      this._askAgainLater(this.problem);
    }
    if (!this.isDisposed) {
      this.changed.emit();
    }
  }

  /** A request that was refused would be refused again; a server that failed may recover. */
  private _askAgainLater(problem: ApiError): void {
    window.clearTimeout(this._retry);
    if (!this.isDisposed && (problem.status === 0 || problem.status >= 500)) {
      this._retry = window.setTimeout(() => void this.refresh(), this._retryMs);
      this._retryMs = Math.min(2 * this._retryMs, RETRY_MS.most);
    }
  }

  private _onContentChanged(): void {
    this._isEdited = true;
    this.isStale = true;
    void this._debouncer.invoke().catch(() => undefined); // superseded by the next change
  }

  private _onPathChanged(): void {
    void this.refresh();
  }

  private get _key(): string {
    return `kernelpipe:given:${this.path}`;
  }

  private async _restoreParameters(): Promise<void> {
    const saved = await this._with.state?.fetch(this._key);
    if (saved && typeof saved === 'object' && !Array.isArray(saved)) {
      this.parameters = {
        ...(saved as { [name: string]: string }),
        ...this.parameters
      };
      this.changed.emit();
    }
  }

  private _saveParameters(): void {
    void this._with.state?.save(this._key, this.parameters);
    this.changed.emit();
  }
}

/** The open notebooks; see the interface. */
export class NotebookSessions implements INotebookSessions {
  readonly currentChanged = new Signal<this, INotebookSession | null>(this);
  readonly added = new Signal<this, INotebookSession>(this);

  private readonly _sessions = new Map<NotebookPanel, NotebookSession>();
  private _current: INotebookSession | null = null;

  constructor(
    private readonly _tracker: INotebookTracker,
    private readonly _documents: IDocumentManager | null,
    private readonly _with: ISurroundings
  ) {
    _tracker.widgetAdded.connect(this._onAdded, this);
    _tracker.currentChanged.connect(this._updateCurrent, this);
    _tracker.forEach(panel => this._onAdded(_tracker, panel));
  }

  get current(): INotebookSession | null {
    return this._current;
  }

  get(panel: NotebookPanel): INotebookSession | null {
    return this._sessions.get(panel) ?? null;
  }

  all(): INotebookSession[] {
    return [...this._sessions.values()];
  }

  async open(path: string): Promise<INotebookSession> {
    const opened = this.all().find(session => session.path === path);
    if (opened) {
      this._with.app.shell.activateById(opened.panel.id);
      return opened;
    }
    const widget = this._documents?.openOrReveal(path, 'Notebook');
    if (!widget) {
      const { trans } = this._with;
      // Jupyter Notebook opens it in a window of its own.
      const text = trans.__('%1 is not open in this window.', path);
      throw new ApiError(text, 0, '', []);
    }
    await widget.context.ready;
    const session = await this._whenAdded(widget as NotebookPanel);
    return session;
  }

  /** Return the session of a panel whose context is ready; it is made in the same turn or next. */
  private async _whenAdded(panel: NotebookPanel): Promise<INotebookSession> {
    const known = this.get(panel);
    if (known) {
      return known;
    }
    const found = new PromiseDelegate<INotebookSession>();
    const onAdded = (_: unknown, session: INotebookSession): void => {
      if (session.panel === panel) {
        found.resolve(session);
      }
    };
    this.added.connect(onAdded);
    return found.promise.finally(() => this.added.disconnect(onAdded));
  }

  private _onAdded(_: INotebookTracker, panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      if (panel.isDisposed || this._sessions.has(panel)) {
        return;
      }
      const session = new NotebookSession(panel, this._with);
      this._sessions.set(panel, session);
      session.disposed.connect(() => {
        this._sessions.delete(panel);
        this._updateCurrent();
      }, this);
      this.added.emit(session);
      this._updateCurrent();
    });
  }

  private _updateCurrent(): void {
    const panel = this._tracker.currentWidget;
    const current = panel ? this.get(panel) : null;
    if (current !== this._current) {
      this._current = current;
      this.currentChanged.emit(current);
    }
  }
}
