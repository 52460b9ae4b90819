/**
 * The server's answers as types.
 */
import type { PartialJSONObject } from '@lumino/coreutils';

/** States of runs, steps and cells; the words are KFP's. */
export type State =
  | 'PENDING'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'SKIPPED'
  | 'FAILED'
  | 'CANCELING'
  | 'CANCELED';

/** What a code cell is for. */
export type Role =
  'step' | 'imports' | 'functions' | 'parameters' | 'metrics' | 'test' | 'skip';

/** Where a pipeline can run. */
export type BackendName = 'local' | 'kfp';

/** A place in a notebook; `cell` is zero-based over all cells, `line` one-based. */
export interface IPlace {
  path: string;
  cell: number | null;
  cell_id: string | null;
  line: number | null;
  /** Zero-based. */
  column: number | null;
}

/** Another place that a finding is about, and what stands there. */
export interface IRelated extends IPlace {
  text: string;
}

/** A finding about a notebook. */
export interface IDiagnostic extends IPlace {
  code: string;
  severity: 'error' | 'warning' | 'info';
  message: string;
  hint: string | null;
  related: IRelated[];
}

/** A value that can be set before a run. */
export interface IParameter {
  name: string;
  type: 'str' | 'int' | 'float' | 'bool' | 'list' | 'dict' | 'any';
  /** JSON: numbers keep their digits, and `1.0` stays another value than `1`. */
  default: string;
  nullable: boolean;
  /** The cell that assigns it. */
  cell: number;
}

/** The settings of a step that are set: name -> value, see `StepSettings` in Python. */
export type Settings = PartialJSONObject;

/** One step of the pipeline. */
export interface IStep {
  name: string;
  /** Indexes of its code cells over all cells. */
  cells: number[];
  after: string[];
  inputs: { name: string; from: string | null }[];
  outputs: string[];
  metrics: string[];
  settings: Settings;
}

/** Why one step comes after another. */
export interface IEdge {
  from: string;
  to: string;
  kind: 'data' | 'order';
  names: string[];
  /** Files and folders that both touch, one of them writing. */
  files?: string[];
}

/** What a cell is in the pipeline; text cells have no role. */
export interface ICellMark {
  id: string;
  index: number;
  role: Role | null;
  /** The step that it belongs to (its tests and metrics do, too); null for setup and text. */
  step: string | null;
  /** Whether its own tags name that step or that role. */
  is_tagged: boolean;
  /** The step's place among the steps, for its colour; null without a step. */
  colour: number | null;
  /** What its own tags say. */
  after: string[];
  settings: Settings;
  /** Its tags that are not ours. */
  foreign: string[];
}

/** Where a step stands beside the list of steps, and the lines that lead to the next row. */
export interface ILane {
  step: string;
  /** Zero-based, from the list's edge. */
  lane: number;
  /** Lines between this row and the next: from lane -> to lane. */
  lines: { from: number; to: number }[];
}

/** A notebook as a pipeline. */
export interface IAnalysis {
  path: string;
  name: string;
  parameters: IParameter[];
  steps: IStep[];
  edges: IEdge[];
  /** Of the notebook and of each backend, see `backends`. */
  diagnostics: IDiagnostic[];
  cells: ICellMark[];
  lanes: ILane[];
  /** Address of the cluster that the notebook names; null unless the user has used it before. */
  cluster: string | null;
  /** What only one backend has to say. */
  backends: { [name in BackendName]: IDiagnostic[] };
}

/** A cell as the server needs it: without outputs. */
export interface ICellContent {
  id: string;
  cell_type: string;
  source: string;
  metadata: PartialJSONObject;
}

/** A notebook without outputs. */
export interface INotebookContent {
  cells: ICellContent[];
  metadata: PartialJSONObject;
  nbformat: number;
  nbformat_minor: number;
}

/** A change to the tags of cells. */
export type TagEdit =
  | { kind: 'step'; ids: string[]; step: string | null }
  | { kind: 'role'; ids: string[]; role: Exclude<Role, 'step'> | null }
  | { kind: 'order'; ids: string[]; after: string[] }
  | { kind: 'setting'; ids: string[]; name: string; value: string | null }
  | { kind: 'rename'; step: string; to: string };

/** The tags of a cell. */
export interface ITags {
  id: string;
  tags: string[];
}

/** A step that a notebook could have; `cells` are indexes. */
export interface IProposedStep {
  name: string;
  cells: number[];
  /** The heading or comment that named it. */
  heading: string | null;
  inputs: string[];
}

/** A cell that would be setup. */
export interface IProposedRole {
  cell: number;
  role: Role;
}

/** A cell that would be tagged: `tags` are all that it has then. */
export interface IProposedTags extends ITags {
  cell: number;
  added: string[];
}

/** Steps for a notebook that has none. */
export interface IProposal {
  path: string;
  steps: IProposedStep[];
  setup: IProposedRole[];
  cells: IProposedTags[];
  /** Why it is not cut further. */
  notes: string[];
}

/** Why a step failed. */
export interface IStepError {
  cell: number | null;
  cell_id: string | null;
  line: number | null;
  ename: string;
  evalue: string;
}

/** One item of a step that runs once per item. */
export interface IItemRun {
  /** What the loop's variable is, as Python: "lr = 0.1". */
  text: string;
  state: State;
  reason: string | null;
  cached: boolean;
  duration_s: number | null;
}

/** One step in one run. */
export interface IStepRun {
  name: string;
  state: State;
  cached: boolean;
  reason: string | null;
  /** Seconds since the epoch. */
  started_at: number | null;
  duration_s: number | null;
  attempts: number | null;
  cells_done: number;
  cells_total: number;
  error: IStepError | null;
  /** In order; null for a step that runs once. */
  items: IItemRun[] | null;
}

/** What a cell does or did in a run; cells that have not begun are not listed. */
export interface ICellRun {
  /** Zero-based over all cells of the notebook that was run. */
  cell: number;
  cell_id: string | null;
  step: string;
  state: State;
}

/** Where a run on a cluster is, and since when it is known to be so. */
export interface IClusterRun {
  /** Address of its API; null for the one of the server's own configuration. */
  host: string | null;
  namespace: string | null;
  experiment: string | null;
  /** Its id there; null as long as it is not known whether the cluster has it. */
  run_id: string | null;
  /** Address of its page in the Kubeflow UI. */
  page: string | null;
  /** When the cluster told last how it is, in seconds since the epoch. */
  as_of: number | null;
  /** Why it could not be asked since then, in the user's words. */
  problem: string | null;
  /** Name of the schedule that started it. */
  schedule: string | null;
}

/** A run as it stands in a list. */
export interface IRun {
  run_id: string;
  /** The folder whose `.kernelpipe` keeps it, as a contents path; "" is the root. */
  folder: string;
  backend: BackendName;
  state: State;
  reason: string | null;
  pipeline: string;
  /** The notebook, as a contents path; null outside the contents root. */
  path: string | null;
  /** Seconds since the epoch. */
  started_at: number;
  duration_s: number | null;
  resumes: string | null;
  batch: string | null;
  /** Parameters that were given, so differ from the defaults. */
  given: PartialJSONObject;
  metrics: { [name: string]: number | string | boolean };
  steps_done: number;
  steps_total: number;
  failed_step: string | null;
  /** With backend "kfp". */
  cluster: IClusterRun | null;
}

/** A run with all that is known about it. */
export interface IRunDetail extends IRun {
  parameters: PartialJSONObject;
  steps: IStepRun[];
  cells: ICellRun[];
  /** Data edges with what they carried: bytes in all, null while unknown. */
  edges: (IEdge & { bytes: number | null })[];
  /** What the run said besides states. */
  messages: string[];
}

/** What is live, in the order in which it happened. */
export interface IRunEvent {
  /** Which start of the server; another one means that `seq` began anew. */
  server: string;
  /** Counts from one without gaps. */
  seq: number;
  /** Seconds since the epoch. */
  time: number;
  kind: 'run' | 'step' | 'cell' | 'message' | 'removed';
  run_id: string;
  folder: string;
  /** With kind "run". */
  run?: IRun;
  /** With kind "step". */
  step?: IStepRun;
  /** With kind "cell". */
  cell?: ICellRun;
  /** With kind "message". */
  text?: string;
}

/** What `GET runs` answers; events after `seq` are not in it. */
export interface IRunList {
  server: string;
  seq: number;
  runs: IRun[];
}

/** What `GET runs/ID` answers. */
export interface IRunSnapshot {
  server: string;
  seq: number;
  run: IRunDetail;
}

/** A piece of a step's log. */
export interface ILog {
  text: string;
  /** Bytes; the offset for the next piece. */
  next_offset: number;
  /** Whether nothing will follow. */
  is_complete: boolean;
}

/** The traceback of a failed step, as its notebook holds it (with ANSI colours). */
export interface IFailure extends IStepError {
  traceback: string[];
}

/** A value that a step handed on. */
export interface IValuePreview {
  name: string;
  type: string;
  bytes: number | null;
  /** A short text; null when it cannot be shown. */
  text: string | null;
  /** A table as column names and rows of texts; null for what is none. */
  table: { columns: string[]; rows: string[][]; shape: string } | null;
  /** Why it is not shown, in the user's words; null when it is. */
  note?: string | null;
}

/** What a run would do with one step. */
export interface IPlannedStep {
  name: string;
  verdict: string;
  reasons: string[];
  expected_s: number | null;
}

/** What a run would do. */
export interface IPlan {
  steps: IPlannedStep[];
  expected_s: number | null;
}

/** How a run is started. */
export interface IRunRequest {
  path: string;
  /** As the editor shows it: the server refuses to run a file that says something else. */
  notebook: INotebookContent;
  /** Name -> value as JSON, which is sent as it stands. */
  parameters: { [name: string]: string };
  /** Where it runs; "local" when left out. */
  backend?: BackendName;
  use_cache?: boolean;
  jobs?: number | null;
  only?: string[];
  start_from?: string[];
  until?: string[];
}

/** When a schedule starts runs: a crontab line of five fields, or a time like "30m". */
export type Trigger = { cron: string } | { every: string };

/** How a schedule is made. */
export type IScheduleRequest = Pick<
  IRunRequest,
  'path' | 'notebook' | 'parameters'
> & { name: string | null } & Trigger;

/** A schedule that was made from this server's folders. */
export interface ISchedule {
  /** What it is known by here. */
  key: string;
  schedule_id: string;
  name: string;
  /** Whether it starts runs; null while its cluster cannot tell. */
  enabled: boolean | null;
  cron: string | null;
  every_s: number | null;
  /** When it starts runs, in the user's words. */
  words: string;
  /** Parameters that were given, so differ from the defaults. */
  given: PartialJSONObject;
  created_at: number;
  /** What went wrong with it on its cluster. */
  message: string | null;
  /** Why it is not known how it is. */
  problem: string | null;
}

/** What a crontab line means, or what is wrong with it. */
export interface IScheduleWords {
  words: string | null;
  problem: string | null;
}

/** What the server can do. */
export interface IStatus {
  version: string;
  server: string;
  event_schema: string;
  backends: {
    [name in BackendName]: {
      /** Whether notebooks can be compiled for it here. */
      can_compile: boolean;
      /** Whether runs can be started on it. */
      can_run: boolean;
      /** Why not, in the user's words. */
      reason: string | null;
    };
  };
}

/** What compiling gave. */
export interface ICompiled {
  yaml: string;
  /** Where it was saved, as a contents path; null when it was not. */
  saved: string | null;
  /** A name for a download. */
  file_name: string;
}

/** What differs between two runs, in sections of lines, in the user's words. */
export interface IComparison {
  before: string;
  after: string;
  sections: { title: string; lines: string[] }[];
}

/** The type of the error of a request that did not reach the server. */
export const UNREACHED = 'Unreached';

/** A request that the server refused, or that did not reach it. */
export class ApiError extends Error {
  /**
   * @param message - What to tell the user.
   * @param status - The HTTP status; 0 when the server was not reached.
   * @param type - The exception's name in Python; "" when unknown.
   * @param diagnostics - What keeps the notebook from being compiled.
   */
  constructor(
    message: string,
    readonly status: number,
    readonly type: string,
    readonly diagnostics: IDiagnostic[]
  ) {
    super(message);
    this.name = 'ApiError';
  }
}
