/**
 * Lists runs that have not ended in the sidebar of running things.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import type { IRunningSessions } from '@jupyterlab/running';
import { IRunningSessionManagers } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { IRun } from '../api';
import { stopRun } from '../history/actions';
import { stateIcon } from '../icons';
import { runArgs } from '../keys';
import { canStop, stateText } from '../states';
import { runName, whenTexts } from '../texts';
import { CommandIDs, IKernelpipe } from '../tokens';

/** Return a run as the sidebar shows it. */
function item(
  app: JupyterFrontEnd,
  kernelpipe: IKernelpipe,
  trans: TranslationBundle,
  run: IRun
): IRunningSessions.IRunningItem {
  return {
    className: 'jp-kernelpipe-RunningItem',
    context: 'kernelpipe-run',
    icon: () => stateIcon(run.state),
    label: () => runName(run),
    labelTitle: () =>
      trans.__(
        '%1\nState: %2\nStarted: %3',
        run.path ?? run.pipeline,
        stateText(trans, run.state),
        whenTexts(run.started_at).exact
      ),
    detail: () => trans.__('%1/%2 steps', run.steps_done, run.steps_total),
    open: () => void app.commands.execute(CommandIDs.openRun, runArgs(run)),
    shutdown: () => {
      if (canStop(run)) {
        void stopRun(kernelpipe, run);
      }
    }
  };
}

/** The plugin. */
export const running: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:running',
  description: 'Lists pipeline runs among the running sessions.',
  autoStart: true,
  requires: [IKernelpipe],
  optional: [IRunningSessionManagers, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    managers: IRunningSessionManagers | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const { runs } = kernelpipe;
    managers?.add({
      name: trans.__('Pipelines'),
      running: () =>
        runs.unfinished().map(run => item(app, kernelpipe, trans, run)),
      shutdownAll: () =>
        runs
          .unfinished()
          .filter(canStop)
          .forEach(run => void stopRun(kernelpipe, run)),
      refreshRunning: () => void runs.refresh().catch(() => undefined), // the list says what is wrong
      runningChanged: runs.changed,
      shutdownLabel: trans.__('Stop'),
      shutdownAllLabel: trans.__('Stop All'),
      shutdownAllConfirmationText: trans.__(
        'Stop all pipeline runs? What they have computed is kept, so they can be resumed.'
      )
    });
  }
};
