/**
 * The graph of the current notebook.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { IAnalysis, IRun } from '../api';
import { Icon } from '../buttons';
import { stateIcon } from '../icons';
import { hasEnded, stateText } from '../states';
import { durationText } from '../texts';
import type {
  IKernelpipe,
  INotebookSession,
  INotebookSessions
} from '../tokens';
import { PipelineGraph } from './canvas';
import { notebookGraph, PARAMETERS } from './graph';

/** How often durations are told anew while a run is on. */
const TICK_MS = 1000;

/** Follows the current notebook and its newest run. */
export class NotebookGraph extends ReactWidget {
  private _session: INotebookSession | null = null;
  private _timer = 0;

  constructor(
    private readonly _kernelpipe: IKernelpipe,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-kernelpipe-Graph');
    const { sessions, runs } = _kernelpipe;
    sessions.currentChanged.connect(this._onCurrentChanged, this);
    runs.changed.connect(this.update, this);
    runs.detailChanged.connect(this.update, this);
    this._onCurrentChanged(sessions, sessions.current);
  }

  dispose(): void {
    window.clearTimeout(this._timer);
    super.dispose();
  }

  /** Where the Tab key was in the graph. */
  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.querySelector<SVGGElement>('g[tabindex="0"]')?.focus();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.update();
  }

  protected onUpdateRequest(message: Message): void {
    if (this.isVisible) {
      super.onUpdateRequest(message);
    }
  }

  protected render(): JSX.Element {
    const session = this._session;
    const analysis = session?.analysis ?? null;
    if (session === null || analysis === null || analysis.steps.length === 0) {
      return <Empty text={this._emptyText(analysis)} />;
    }
    const { runs } = this._kernelpipe;
    const run = runs.latest(session.path);
    const detail = run && runs.detail(run);
    this._tick(run);
    return (
      <PipelineGraph
        trans={this._trans}
        graph={notebookGraph(this._trans, analysis, detail)}
        name={analysis.name}
        onOpen={id => void reveal(session, analysis, id)}
      >
        {run && <RunState trans={this._trans} run={run} />}
      </PipelineGraph>
    );
  }

  private _onCurrentChanged(
    _: INotebookSessions,
    session: INotebookSession | null
  ): void {
    this._session?.changed.disconnect(this.update, this);
    this._session = session;
    session?.changed.connect(this.update, this);
    this.update();
  }

  private _tick(run: IRun | null): void {
    window.clearTimeout(this._timer);
    if (run && !hasEnded(run.state)) {
      this._timer = window.setTimeout(() => this.update(), TICK_MS);
    }
  }

  private _emptyText(analysis: IAnalysis | null): string {
    const trans = this._trans;
    if (this._session === null) {
      return trans.__('Open a notebook to see its pipeline.');
    }
    if (analysis !== null) {
      return trans.__(
        'No steps yet. Make a cell a step, and the pipeline is drawn here.'
      );
    }
    return this._session.problem?.message ?? trans.__('Reading the notebook…');
  }
}

function Empty({ text }: { text: string }): JSX.Element {
  return (
    <div className="jp-kernelpipe-Graph-empty" role="status">
      {text}
    </div>
  );
}

function RunState({
  trans,
  run
}: {
  trans: TranslationBundle;
  run: IRun;
}): JSX.Element {
  const duration =
    run.duration_s === null ? '' : ` · ${durationText(run.duration_s)}`;
  const text = hasEnded(run.state)
    ? trans.__('Last run: %1', stateText(trans, run.state)) + duration
    : trans.__(
        '%1 · %2 of %3 steps',
        stateText(trans, run.state),
        run.steps_done,
        run.steps_total
      );
  return (
    <>
      <Icon icon={stateIcon(run.state)} />
      <span>{text}</span>
    </>
  );
}

async function reveal(
  session: INotebookSession,
  analysis: IAnalysis,
  id: string
): Promise<void> {
  const cell = analysis.cells.find(({ step, role }) =>
    id === PARAMETERS
      ? role === 'parameters'
      : step === id && (role === 'step' || role === 'metrics')
  );
  if (cell) {
    await session.reveal({ id: cell.id, index: cell.index });
  }
}
