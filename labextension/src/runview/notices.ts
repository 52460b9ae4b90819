/**
 * Tells of runs that ended while the page was open.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { IRun, IRunDetail, IStepRun } from '../api';
import { keyText, runArgs } from '../keys';
import { durationText, runName } from '../texts';
import type { IKernelpipe, IRuns } from '../tokens';
import { CommandIDs } from '../tokens';
import { goToError } from './failure';

/** What is told. */
export type Wanted = 'all' | 'failures' | 'none';

/** How long a notice is on top of everything, in milliseconds; the list of notices keeps it. */
const SHOWN_MS = { success: 5000, failure: 15000 };

/** The runs of a batch, of which one notice tells. */
interface IBatch {
  notice: string;
  ended: number;
  failed: number;
}

/** One notice for each run that ended, and one for each batch of runs. */
export class Notices {
  /** What the user wants to be told. */
  wanted: Wanted = 'all';

  constructor(
    private readonly _kernelpipe: IKernelpipe,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    _kernelpipe.runs.ended.connect(this._onEnded, this);
  }

  private _onEnded(_: IRuns, run: IRun): void {
    const key = keyText(run);
    // That a schedule works is no news.
    const isWanted =
      run.state === 'FAILED'
        ? this.wanted !== 'none'
        : run.state === 'SUCCEEDED' &&
          this.wanted === 'all' &&
          !run.cluster?.schedule;
    if (this._told.has(key)) {
      return;
    }
    this._told.add(key);
    if (run.batch !== null) {
      this._tellBatch(run, run.batch, isWanted);
    } else if (!isWanted) {
      return;
    } else if (run.state === 'FAILED') {
      void this._tellFailure(run);
    } else {
      this._tellSuccess(run);
    }
  }

  private _show(run: IRun, step: string | null = null): Notification.IAction {
    return {
      label: this._trans.__('Show'),
      caption: this._trans.__('Show the run'),
      callback: () =>
        void this._commands.execute(
          CommandIDs.openRun,
          runArgs(run, step === null ? {} : { step })
        )
    };
  }

  private _tellSuccess(run: IRun): void {
    const took = durationText(run.duration_s ?? 0);
    const text = this._trans.__('%1 succeeded in %2.', runName(run), took);
    Notification.emit(text, 'success', {
      autoClose: SHOWN_MS.success,
      actions: [this._show(run)]
    });
  }

  private async _tellFailure(run: IRun): Promise<void> {
    const step = await this._failedStep(run);
    const actions = [this._show(run, run.failed_step)];
    const { path } = run;
    const error = step?.error ?? null;
    if (path !== null && error !== null && error.cell !== null) {
      actions.push({
        label: this._trans.__('Go to cell'),
        caption: this._trans.__('Show the cell that failed'),
        callback: () => void goToError(this._kernelpipe, path, error)
      });
    }
    Notification.emit(this._failureText(run, step), 'error', {
      autoClose: SHOWN_MS.failure,
      actions
    });
  }

  private _failureText(run: IRun, step: IStepRun | null): string {
    const name = runName(run);
    if (run.failed_step === null) {
      return run.reason === null
        ? this._trans.__('%1 failed.', name)
        : this._trans.__('%1 failed: %2', name, run.reason);
    }
    return step?.error
      ? this._trans.__(
          "%1 failed in step '%2': %3",
          name,
          run.failed_step,
          step.error.ename
        )
      : this._trans.__("%1 failed in step '%2'.", name, run.failed_step);
  }

  private async _failedStep(run: IRun): Promise<IStepRun | null> {
    let detail: IRunDetail;
    try {
      detail = await this._kernelpipe.runs.load(run);
    } catch {
      return null; // the notice then says less
    }
    return detail.steps.find(step => step.name === run.failed_step) ?? null;
  }

  /** All runs of a batch count, those whose end alone is not told, too. */
  private _tellBatch(run: IRun, name: string, isWanted: boolean): void {
    const batch = this._batches.get(name) ?? {
      notice: '',
      ended: 0,
      failed: 0
    };
    this._batches.set(name, batch);
    batch.ended += 1;
    batch.failed += run.state === 'FAILED' ? 1 : 0;
    if (!isWanted && batch.notice === '') {
      return;
    }
    const text = this._trans._n(
      '%2: %1 run of a batch ended, %3 failed.',
      '%2: %1 runs of a batch ended, %3 failed.',
      batch.ended,
      runName(run),
      batch.failed
    );
    const type = batch.failed > 0 ? 'warning' : 'success';
    const isUpdated =
      batch.notice !== '' &&
      Notification.update({ id: batch.notice, message: text, type });
    if (!isUpdated && isWanted) {
      batch.notice = Notification.emit(text, type, {
        autoClose: SHOWN_MS.success,
        actions: [this._show(run)]
      });
    }
  }

  private readonly _told = new Set<string>();
  private readonly _batches = new Map<string, IBatch>();
}
