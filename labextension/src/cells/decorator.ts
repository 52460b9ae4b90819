/**
 * Keeps the data attributes and the inline diagnostics of an open notebook right.
 */
import type { Cell } from '@jupyterlab/cells';
import type { Notebook } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import type {
  IAnalysis,
  IDiagnostic,
  IRun,
  IRunDetail,
  IStepError
} from '../api';
import { ApiError } from '../api';
import { keyText } from '../keys';
import { hasEnded } from '../states';
import { placeText, severityText } from '../texts';
import type { IKernelpipe, INotebookSession, IRuns } from '../tokens';
import type { Sources } from './baseline';
import { placeKey, sourcesOf } from './baseline';
import type { IFinding } from './findings';
import { showFindings } from './findings';
import type { Marks } from './marks';
import {
  addRunMarks,
  errorText,
  failures,
  pipelineMarks,
  setMarks
} from './marks';

/** Findings by cell id, and what they were found in. */
interface IFound {
  analysis: IAnalysis | null;
  key: string;
  findings: Map<string, IFinding[]>;
}

/** One value, so that it is seen to be the same. */
const NO_FINDINGS: IFinding[] = [];

/** The decorations of one notebook. */
export class CellDecorator implements IDisposable {
  private _isEnabled = true;
  private _isDisposed = false;
  private _frame = 0;
  private _runKey = '';
  private _sources: Sources | null = null;
  private _asking = '';
  private _detail: IRunDetail | null = null;
  private _found: IFound = { analysis: null, key: '', findings: new Map() };
  private readonly _waiting = new WeakSet<Cell>();

  constructor(
    private readonly _session: INotebookSession,
    private readonly _kernelpipe: IKernelpipe,
    private readonly _trans: TranslationBundle
  ) {
    const notebook = _session.panel.content;
    _session.changed.connect(this._update, this);
    _session.disposed.connect(this.dispose, this);
    notebook.modelContentChanged.connect(this._update, this);
    notebook.modelChanged.connect(this._update, this);
    _kernelpipe.runs.changed.connect(this._onRunsChanged, this);
    _kernelpipe.runs.detailChanged.connect(this._onDetailChanged, this);
    _kernelpipe.backendChanged.connect(this._update, this);
    this._onRunsChanged();
    this._update();
  }

  /** Whether cells are marked. */
  get isEnabled(): boolean {
    return this._isEnabled;
  }
  set isEnabled(value: boolean) {
    if (value !== this._isEnabled) {
      this._isEnabled = value;
      this._update();
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    cancelAnimationFrame(this._frame);
    Signal.clearData(this);
  }

  /** Once before the next painting, however much has changed. */
  private _update(): void {
    if (this._frame === 0) {
      this._frame = requestAnimationFrame(() => {
        this._frame = 0;
        this._decorate();
      });
    }
  }

  /** The newest run is shown, once it is known what it was given. */
  private _onRunsChanged(): void {
    const { runs } = this._kernelpipe;
    const run = runs.latest(this._session.path);
    const key = run === null ? '' : keyText(run);
    if (key !== this._runKey) {
      this._runKey = key;
      this._sources = null;
      this._detail = null;
    }
    this._takeDetail((this._detail ??= run && runs.detail(run)));
  }

  /** What a run was given is there when its first step begins. */
  private _takeDetail(detail: IRunDetail | null): void {
    this._detail = detail;
    const hasBegun = detail?.steps.some(({ state }) => state !== 'PENDING');
    if (detail && hasBegun && this._sources === null) {
      void this._askSources(detail);
    }
    this._update();
  }

  private async _askSources(run: IRun): Promise<void> {
    const key = keyText(run);
    if (key === this._asking) {
      return;
    }
    this._asking = key;
    const { folder, run_id } = run;
    try {
      const { api } = this._kernelpipe;
      const notebook = await api.notebook(folder, run_id, null);
      if (key === this._runKey && !this._isDisposed) {
        this._sources = sourcesOf(notebook);
        this._update();
      }
    } catch (reason) {
      if (!(reason instanceof ApiError)) {
        throw reason;
      }
      if (hasEnded(run.state)) {
        return; // it left nothing, and nothing is shown
      }
    }
    this._asking = '';
  }

  private _onDetailChanged(_: IRuns, detail: IRunDetail): void {
    if (keyText(detail) === this._runKey) {
      this._takeDetail(detail);
    }
  }

  private _decorate(): void {
    const { panel, analysis } = this._session;
    if (this._isDisposed || panel.isDisposed) {
      return;
    }
    const notebook = panel.content;
    const detail = this._detail;
    const current = this._current(notebook);
    const edited = (analysis?.cells ?? []).flatMap(({ id, step }) =>
      step !== null && !current.has(id) ? [step] : []
    );
    this._session.editedSteps = new Set(this._sources ? edited : []);
    const isShown = this._isEnabled && analysis !== null;
    const diagnostics = isShown ? this._diagnostics(analysis) : [];
    const marks = isShown
      ? this._marks(analysis, diagnostics, detail, current)
      : new Map<string, Marks>();
    for (const cell of notebook.widgets) {
      setMarks(cell.node, marks.get(cell.model.id));
    }
    this._showFindings(notebook, diagnostics, detail, marks);
  }

  /** Return the ids of the cells that say what they said when the run began. */
  private _current(notebook: Notebook): Set<string> {
    const current = new Set<string>();
    notebook.widgets.forEach(({ model }, index) => {
      const source =
        this._sources?.get(model.id) ?? this._sources?.get(placeKey(index));
      if (source === model.sharedModel.getSource()) {
        current.add(model.id);
      }
    });
    return current;
  }

  private _marks(
    analysis: IAnalysis,
    diagnostics: IDiagnostic[],
    detail: IRunDetail | null,
    current: ReadonlySet<string>
  ): Map<string, Marks> {
    const marks = pipelineMarks(this._trans, analysis, diagnostics);
    if (detail && this._sources) {
      addRunMarks(
        this._trans,
        marks,
        analysis,
        detail,
        id => current.has(id),
        this._idAt
      );
    }
    return marks;
  }

  /** The run's cells may have no ids: then they have those of the cells in their places. */
  private readonly _idAt = (index: number): string | undefined => {
    const key = [...(this._sources?.keys() ?? [])][index];
    return key === placeKey(index)
      ? this._session.panel.content.widgets[index]?.model.id
      : key;
  };

  private _diagnostics(analysis: IAnalysis): IDiagnostic[] {
    return [
      ...analysis.diagnostics,
      ...(analysis.backends[this._kernelpipe.backend] ?? [])
    ];
  }

  /** Give the editors their findings, unless they have them: their places move with edits. */
  private _showFindings(
    notebook: Notebook,
    diagnostics: IDiagnostic[],
    detail: IRunDetail | null,
    marks: Map<string, Marks>
  ): void {
    const { analysis } = this._session;
    const failed = this._failures(detail, marks);
    const key = JSON.stringify([
      this._isEnabled,
      this._kernelpipe.backend,
      failed
    ]);
    if (analysis !== this._found.analysis || key !== this._found.key) {
      const findings = this._collect(diagnostics, failed);
      this._found = { analysis, key, findings };
    }
    for (const cell of notebook.widgets) {
      const found = this._found.findings.get(cell.model.id) ?? NO_FINDINGS;
      if (cell.editor !== null) {
        showFindings(cell.editor, found);
      } else if (found.length > 0) {
        this._whenReady(cell);
      }
    }
  }

  private _failures(
    detail: IRunDetail | null,
    marks: Map<string, Marks>
  ): { id: string; error: IStepError }[] {
    return detail
      ? failures(detail, this._idAt).filter(({ id }) => marks.get(id)?.error)
      : [];
  }

  private _collect(
    diagnostics: IDiagnostic[],
    failed: { id: string; error: IStepError }[]
  ): Map<string, IFinding[]> {
    const found = new Map<string, IFinding[]>();
    const add = (id: string, finding: IFinding): void => {
      found.set(id, [...(found.get(id) ?? []), finding]);
    };
    for (const diagnostic of diagnostics) {
      const { cell_id, line, column, severity, code } = diagnostic;
      if (cell_id !== null && line !== null) {
        const title = `${severityText(this._trans, diagnostic)} ${code}`;
        const { message, hint } = diagnostic;
        const related = diagnostic.related.map(
          each => `${placeText(this._trans, each)}: ${each.text}`
        );
        add(cell_id, {
          line,
          column,
          severity,
          title,
          message,
          hint,
          related
        });
      }
    }
    for (const { id, error } of failed) {
      if (error.line !== null) {
        add(id, {
          line: error.line,
          column: null,
          severity: 'error',
          title: this._trans.__('Failed in the last run'),
          message: errorText(error),
          hint: null,
          related: []
        });
      }
    }
    return found;
  }

  /** A cell that has not been shown has no editor yet. */
  private _whenReady(cell: Cell): void {
    if (!this._waiting.has(cell)) {
      this._waiting.add(cell);
      void cell.ready.then(() => this._update());
    }
  }
}
