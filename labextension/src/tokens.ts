/**
 * What the plugins offer each other.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { IObservableDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

import type {
  ApiError,
  BackendName,
  IAnalysis,
  ICellContent,
  INotebookContent,
  IRun,
  IRunDetail,
  IStatus,
  TagEdit
} from './api';
import type { Api } from './client';

/** An open notebook, analysed while it is edited. */
export interface INotebookSession extends IObservableDisposable {
  readonly panel: NotebookPanel;

  /** The notebook's contents path, without a drive. */
  readonly path: string;

  /** The newest answer; null before the first, and for what is no Python notebook. */
  readonly analysis: IAnalysis | null;

  /** Why there is no current answer; null when all is well. */
  readonly problem: ApiError | null;

  /** Whether the notebook has changed since `analysis` was asked for. */
  readonly isStale: boolean;

  /** Steps with cells that say something else than in the latest run; kept by what marks cells. */
  editedSteps: ReadonlySet<string>;

  /** Values that the user gave to parameters, as JSON; the others have their defaults. */
  readonly parameters: { readonly [name: string]: string };

  /** Emitted when any of the above changes. */
  readonly changed: ISignal<INotebookSession, void>;

  /** Give a parameter a value; undefined gives it its default again. */
  setParameter(name: string, json: string | undefined): void;

  /** Return the values for a run: of parameters that the notebook still has. */
  given(): { [name: string]: string };

  /** Give all parameters their defaults. */
  resetParameters(): void;

  /** The notebook as it is in the editor. */
  content(): INotebookContent;

  /** The cells as they are in the editor. */
  cells(): ICellContent[];

  /** Change tags: asks the server for the tags, then sets them as one change. */
  edit(edit: TagEdit): Promise<void>;

  /** Analyse now; resolves when `analysis` is of the notebook as it was when this was called. */
  refresh(): Promise<void>;

  /** Show a cell and put the cursor on a line (from one) and column (from zero). */
  reveal(
    cell: { id: string | null; index: number | null },
    line?: number | null,
    column?: number | null
  ): Promise<void>;
}

/** The open notebooks. */
export interface INotebookSessions {
  /** Of the notebook that was used last; null when none is open. */
  readonly current: INotebookSession | null;

  /** Emitted when another notebook becomes the current one, or none. */
  readonly currentChanged: ISignal<INotebookSessions, INotebookSession | null>;

  /** Emitted when a notebook was opened. */
  readonly added: ISignal<INotebookSessions, INotebookSession>;

  /** Return the session of an open notebook; null before its file is read. */
  get(panel: NotebookPanel): INotebookSession | null;

  /** Return all sessions. */
  all(): INotebookSession[];

  /** Open a notebook, if it is not, and return its session. */
  open(path: string): Promise<INotebookSession>;
}

/** Which run. */
export interface IRunKey {
  readonly folder: string;
  readonly run_id: string;
}

/** The runs that the server knows, live. */
export interface IRuns {
  /** What the server can do; null before it answered. */
  readonly status: IStatus | null;

  /** All runs, the newest first. */
  readonly list: readonly IRun[];

  /** Whether the server answered at least once. */
  readonly isReady: boolean;

  /** Why the list may be old; null when all is well. */
  readonly problem: ApiError | null;

  /** Emitted when the list or `problem` changes. */
  readonly changed: ISignal<IRuns, void>;

  /** Emitted with a run whose details (steps, cells, messages) changed. */
  readonly detailChanged: ISignal<IRuns, IRunDetail>;

  /** Emitted when a run that was seen unfinished has ended. */
  readonly ended: ISignal<IRuns, IRun>;

  /** Return the newest run of a notebook that no schedule has started. */
  latest(path: string): IRun | null;

  /** Return the runs that have not ended. */
  unfinished(): IRun[];

  /**
   * Return the details of a run as far as they are known; null asks for them, and
   * `detailChanged` tells when they are there; it also tells every later change.
   */
  detail(key: IRunKey): IRunDetail | null;

  /** Load the details of a run. */
  load(key: IRunKey): Promise<IRunDetail>;

  /** Save the notebook and start a run of it. */
  start(
    session: INotebookSession,
    options?: {
      backend?: BackendName;
      only?: string[];
      start_from?: string[];
      until?: string[];
      use_cache?: boolean;
      jobs?: number | null;
    }
  ): Promise<IRun>;

  /** Ask a run to stop. */
  stop(key: IRunKey): Promise<void>;

  /** Save the notebook, if it is open, and continue a run. */
  resume(run: IRun): Promise<IRun>;

  /** Remove a run with its files. */
  remove(key: IRunKey): Promise<void>;

  /** Ask the server for everything again; rejects when it cannot be asked. */
  refresh(): Promise<void>;
}

/** What all plugins use. */
export interface IKernelpipe {
  readonly api: Api;
  readonly sessions: INotebookSessions;
  readonly runs: IRuns;

  /** Where runs start; a setting. */
  backend: BackendName;

  /** Emitted when `backend` changes. */
  readonly backendChanged: ISignal<IKernelpipe, BackendName>;
}

/** The token of the plugin that all others need. */
export const IKernelpipe = new Token<IKernelpipe>(
  'kernelpipe:IKernelpipe',
  'Pipelines of open notebooks and their runs.'
);

/** The commands; other extensions may use them, too. */
export namespace CommandIDs {
  export const showPanel = 'kernelpipe:show-panel';
  export const run = 'kernelpipe:run';
  export const runFromStep = 'kernelpipe:run-from-step';
  export const runStep = 'kernelpipe:run-step';
  export const stop = 'kernelpipe:stop';
  export const resume = 'kernelpipe:resume';
  export const compileSave = 'kernelpipe:compile-and-save';
  export const compileDownload = 'kernelpipe:compile-and-download';
  export const schedule = 'kernelpipe:schedule';
  export const plan = 'kernelpipe:plan';
  export const proposeSteps = 'kernelpipe:propose-steps';
  export const showGraph = 'kernelpipe:show-graph';
  export const goToDiagnostic = 'kernelpipe:go-to-diagnostic';
  export const nextDiagnostic = 'kernelpipe:next-diagnostic';
  export const openRun = 'kernelpipe:open-run';
  export const openRunNotebook = 'kernelpipe:open-run-notebook';
  export const deleteRun = 'kernelpipe:delete-run';
  export const compareRuns = 'kernelpipe:compare-runs';
  export const showHistory = 'kernelpipe:show-history';
  export const setStep = 'kernelpipe:set-step';
  export const newStep = 'kernelpipe:new-step';
  export const removeStep = 'kernelpipe:remove-step';
  export const renameStep = 'kernelpipe:rename-step';
  export const setRole = 'kernelpipe:set-role';
  export const stepSettings = 'kernelpipe:step-settings';
}
