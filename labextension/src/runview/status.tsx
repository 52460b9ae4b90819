/**
 * The run that matters now, in the status bar.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import type { IRun } from '../api';
import { Icon } from '../buttons';
import { useNow } from '../hooks';
import { stateIcon } from '../icons';
import { isSameRun, runArgs } from '../keys';
import { hasEnded, stateText } from '../states';
import { progressText, runName, tookText } from '../texts';
import type { IKernelpipe, IRuns } from '../tokens';
import { CommandIDs } from '../tokens';

/** The run as icon, progress and duration. */
function Status(props: {
  run: IRun;
  trans: TranslationBundle;
  /** Whether it is of another notebook than the current one. */
  isElsewhere: boolean;
  onOpen: () => void;
}): React.JSX.Element {
  const { run, trans } = props;
  const now = useNow(hasEnded(run.state) ? 0 : 1);
  const took = tookText(run, now);
  const done = hasEnded(run.state)
    ? stateText(trans, run.state)
    : trans.__('%1/%2 steps', run.steps_done, run.steps_total);
  return (
    <button
      type="button"
      data-command={CommandIDs.openRun}
      data-kernelpipe-state={run.state}
      title={trans.__(
        'Pipeline run of %1: %2, %3',
        runName(run),
        stateText(trans, run.state),
        progressText(trans, run)
      )}
      onClick={props.onOpen}
    >
      <Icon icon={stateIcon(run.state)} />
      {props.isElsewhere && (
        <span className="jp-kernelpipe-Status-name">{runName(run)}</span>
      )}
      <span>{took === '' ? done : `${done} · ${took}`}</span>
    </button>
  );
}

/** The item of the status bar; not active as long as nothing has run. */
export class RunStatus extends ReactWidget {
  constructor(
    private readonly _kernelpipe: IKernelpipe,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-kernelpipe-Status');
    const { runs, sessions } = _kernelpipe;
    runs.changed.connect(this._onChanged, this);
    runs.ended.connect(this._onEnded, this);
    sessions.currentChanged.connect(this._onChanged, this);
  }

  /** Emitted when there begins or ceases to be something to show. */
  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  /** Whether there is something to show. */
  get isActive(): boolean {
    return this._run !== null;
  }

  dispose(): void {
    if (!this.isDisposed) {
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected render(): React.JSX.Element | null {
    const run = this._run;
    return (
      run && (
        <Status
          run={run}
          trans={this._trans}
          isElsewhere={run.path !== this._kernelpipe.sessions.current?.path}
          onOpen={() =>
            void this._commands.execute(CommandIDs.openRun, runArgs(run))
          }
        />
      )
    );
  }

  private _onEnded(_: IRuns, run: IRun): void {
    this._last = run;
    this._onChanged();
  }

  /** The current notebook's run comes first, then any that runs, then what ended last. */
  private _onChanged(): void {
    const { runs, sessions } = this._kernelpipe;
    const unfinished = runs.unfinished();
    const path = sessions.current?.path;
    const last = runs.list.find(
      run => this._last !== null && isSameRun(run, this._last)
    );
    const wasActive = this.isActive;
    this._run =
      unfinished.find(run => run.path === path) ??
      unfinished[0] ??
      last ??
      null;
    if (wasActive !== this.isActive) {
      this._activeChanged.emit();
    }
    this.update();
  }

  private readonly _activeChanged = new Signal<this, void>(this);
  private _run: IRun | null = null;
  private _last: IRun | null = null;
}
