/**
 * What the panel shows: the current notebook, its latest run, and what the user asked for last.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type {
  IAnalysis,
  IDiagnostic,
  IPlan,
  IPlannedStep,
  IRun,
  IRunDetail,
  IStepRun
} from '../api';
import { hasEnded } from '../states';
import type { IKernelpipe, INotebookSession } from '../tokens';
import { Drafts } from './drafts';
import { Proposals } from './proposing';
import { Schedules } from './schedules';

/** What is under way between the press of a button and the server's answer. */
export type Busy = 'run' | 'stop' | 'resume' | 'compile' | 'plan' | 'propose';

/** A notice with what it was about. */
interface INoticed {
  notice: string | null;
  analysis?: IAnalysis | null;
  parameters?: unknown;
}

/** A plan with what it was made of. */
interface IPlanned {
  session: INotebookSession;
  analysis: IAnalysis | null;
  parameters: unknown;
  plan: IPlan;
}

/** Findings that came with a refusal; they hold until the notebook changes. */
interface IRefused {
  session: INotebookSession;
  analysis: IAnalysis | null;
  diagnostics: IDiagnostic[];
  /** Whether compiling was refused, which says nothing about runs on this machine. */
  isCompiled: boolean;
}

const identity = (each: IDiagnostic): string =>
  JSON.stringify([each.code, each.cell, each.line, each.column, each.message]);

/** Return whether a finding is an error. */
export function isError({ severity }: IDiagnostic): boolean {
  return severity === 'error';
}

/** The panel's state. */
export class PanelModel implements IDisposable {
  readonly drafts: Drafts;
  readonly schedules: Schedules;
  readonly proposals: Proposals;

  /** Which finding was shown last; -1 before the first. */
  place = -1;

  private readonly _changed = new Signal<this, void>(this);
  private readonly _expanded = new WeakMap<INotebookSession, Set<string>>();
  private _session: INotebookSession | null = null;
  private _busy: Busy | null = null;
  private _noticed: INoticed = { notice: null };
  private _planned: IPlanned | null = null;
  private _refused: IRefused | null = null;
  private _isDisposed = false;
  private _frame = 0;

  constructor(
    readonly kernelpipe: IKernelpipe,
    readonly trans: TranslationBundle
  ) {
    this.drafts = new Drafts(trans);
    this.proposals = new Proposals(trans);
    this.schedules = new Schedules(kernelpipe, () => this.update());
    const { sessions, runs } = kernelpipe;
    sessions.currentChanged.connect(this._onCurrentChanged, this);
    runs.changed.connect(this.update, this);
    runs.detailChanged.connect(this.update, this);
    kernelpipe.backendChanged.connect(this.update, this);
    this._onCurrentChanged();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      window.cancelAnimationFrame(this._frame);
      this.schedules.dispose();
      Signal.clearData(this);
    }
  }

  /** Emitted when anything that the panel shows may have changed, at most once per frame. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The notebook that was used last. */
  get session(): INotebookSession | null {
    return this._session;
  }

  /** The newest run of the notebook. */
  get run(): IRun | null {
    return this._session && this.kernelpipe.runs.latest(this._session.path);
  }

  /** That run's details, when they are known. */
  get detail(): IRunDetail | null {
    return this.run && this.kernelpipe.runs.detail(this.run);
  }

  /** Whether a run of the notebook is under way. */
  get isRunning(): boolean {
    return this.run !== null && !hasEnded(this.run.state);
  }

  /** Whether there is a cluster: the server's own, or the one that the notebook names. */
  get hasCluster(): boolean {
    const status = this.kernelpipe.runs.status?.backends.kfp;
    const named = this._session?.analysis?.cluster ?? null;
    return status?.can_run === true || named !== null;
  }

  /** Why runs cannot be started on the chosen backend; null when they can, or may. */
  get obstacle(): string | null {
    const { backend, runs } = this.kernelpipe;
    const status = runs.status?.backends[backend];
    if (backend === 'kfp' && status && !this.hasCluster) {
      return this.trans.__(
        'Runs cannot be started on Kubeflow: %1. Compiling works without it.',
        status.reason ?? ''
      );
    }
    return backend === 'local' && status && !status.can_run
      ? (status.reason ?? this.trans.__('Nothing can be run here.'))
      : null;
  }

  /** The findings for the chosen backend, errors first, else in notebook order. */
  get diagnostics(): IDiagnostic[] {
    return this._findings(this._refused);
  }

  /** The findings that keep the notebook from being run. */
  get errors(): IDiagnostic[] {
    return this._findings(
      this._refused?.isCompiled ? null : this._refused
    ).filter(isError);
  }

  private _findings(refused: IRefused | null): IDiagnostic[] {
    const analysis = this._session?.analysis;
    const isCurrent =
      refused?.session === this._session && refused?.analysis === analysis;
    const all = [
      ...(analysis?.diagnostics ?? []),
      ...(analysis?.backends[this.kernelpipe.backend] ?? []),
      ...((isCurrent && refused?.diagnostics) || [])
    ];
    const unique = new Map(all.map(each => [identity(each), each]));
    return [...unique.values()].sort(
      (one, other) => Number(isError(other)) - Number(isError(one))
    );
  }

  /** Return how many errors are in the cells of a step. */
  errorsIn(step: string): number {
    const cells = this._session?.analysis?.cells ?? [];
    return this.errors.filter(
      ({ cell }) => cell !== null && cells[cell]?.step === step
    ).length;
  }

  /** What a run would do; null when nobody asked, or it may be outdated. */
  get plan(): IPlan | null {
    const planned = this._planned;
    const session = this._session;
    const isCurrent =
      planned !== null &&
      planned.session === session &&
      planned.analysis === session.analysis &&
      planned.parameters === session.parameters;
    return isCurrent ? planned.plan : null;
  }

  /** What is under way. */
  get busy(): Busy | null {
    return this._busy;
  }

  set busy(value: Busy | null) {
    this._busy = value;
    this.update();
  }

  /** Why the last command was refused, until the notebook changes. */
  get notice(): string | null {
    const { analysis, parameters } = this._noticed;
    const isCurrent =
      analysis === this._session?.analysis &&
      parameters === this._session?.parameters;
    return isCurrent ? this._noticed.notice : null;
  }

  set notice(notice: string | null) {
    const analysis = this._session?.analysis;
    this._noticed = { notice, analysis, parameters: this._session?.parameters };
    this.update();
  }

  /** Show a plan of a notebook. */
  setPlan(session: INotebookSession, plan: IPlan): void {
    const { analysis, parameters } = session;
    this._planned = { session, analysis, parameters, plan };
    this.update();
  }

  /** Show states again instead of the plan. */
  hidePlan(): void {
    this._planned = null;
    this.update();
  }

  /** Show the findings of a refusal. */
  setRefused(
    session: INotebookSession,
    diagnostics: IDiagnostic[],
    isCompiled: boolean
  ): void {
    const { analysis } = session;
    this._refused = { session, analysis, diagnostics, isCompiled };
    this.update();
  }

  /** Return a step in the latest run. */
  stepRun(step: string): IStepRun | null {
    return this.detail?.steps.find(each => each.name === step) ?? null;
  }

  /** Return what a run would do with a step. */
  planned(step: string): IPlannedStep | null {
    return this.plan?.steps.find(each => each.name === step) ?? null;
  }

  /** Return whether the details of a step are shown. */
  isExpanded(step: string): boolean {
    return this._session
      ? (this._expanded.get(this._session)?.has(step) ?? false)
      : false;
  }

  /** Of how many steps the details are shown. */
  get expanded(): number {
    const steps = this._session?.analysis?.steps ?? [];
    return steps.filter(each => this.isExpanded(each.name)).length;
  }

  /** Show or hide the details of a step. */
  setExpanded(step: string, isExpanded: boolean): void {
    if (this._session === null) {
      return;
    }
    const steps = this._expanded.get(this._session) ?? new Set<string>();
    this._expanded.set(this._session, steps);
    if (isExpanded) {
      steps.add(step);
    } else {
      steps.delete(step);
    }
    this.update();
  }

  /** Have everything shown anew with the next frame. */
  update(): void {
    if (this._frame === 0 && !this._isDisposed) {
      this._frame = window.requestAnimationFrame(() => {
        this._frame = 0;
        this._changed.emit();
      });
    }
  }

  private _onCurrentChanged(): void {
    this._session?.changed.disconnect(this.update, this);
    this._session = this.kernelpipe.sessions.current;
    this._session?.changed.connect(this.update, this);
    this.schedules.follow(this._session);
    this._noticed = { notice: null };
    this.place = -1;
    this.update();
  }
}
