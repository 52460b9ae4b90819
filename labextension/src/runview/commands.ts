/**
 * The commands that open, compare and delete runs.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type {
  ReadonlyPartialJSONObject,
  ReadonlyJSONObject
} from '@lumino/coreutils';

import type { IRun } from '../api';
import { isSameRun } from '../keys';
import { complain } from '../refusals';
import { hasEnded } from '../states';
import { runName, whenTexts } from '../texts';
import type { IKernelpipe, IRunKey } from '../tokens';
import { CommandIDs } from '../tokens';
import type { Places } from './places';

type Args = ReadonlyPartialJSONObject;

/** What the commands work on. */
interface ICommandNeeds {
  readonly kernelpipe: IKernelpipe;
  readonly trans: TranslationBundle;
  readonly places: Places;
}

const TEXT: ReadonlyJSONObject = { type: 'string' };

/** Return the description of a command's arguments, all of them texts. */
function texts(...names: string[]): { args: ReadonlyJSONObject } {
  const properties = Object.fromEntries(names.map(name => [name, TEXT]));
  return { args: { type: 'object', properties } };
}

/** Return a run that is named by two arguments; null when it is not. */
function named(args: Args, id: string, folder: string): IRunKey | null {
  const [run_id, of] = [args[id], args[folder]];
  return typeof run_id === 'string' && typeof of === 'string'
    ? { folder: of, run_id }
    : null;
}

/** Return the newest runs of the current notebook. */
function newest({ runs, sessions }: IKernelpipe): IRun[] {
  const path = sessions.current?.path;
  return path === undefined ? [] : runs.list.filter(run => run.path === path);
}

/** Return which run a command is about: the one that is named, or the current notebook's newest. */
function target({ kernelpipe }: ICommandNeeds, args: Args): IRunKey | null {
  return named(args, 'run_id', 'folder') ?? newest(kernelpipe)[0] ?? null;
}

/** Return which two runs are to be compared, the older one first. */
function pair(
  { kernelpipe }: ICommandNeeds,
  args: Args
): { before: IRunKey; after: IRunKey } | null {
  const [last, previous] = newest(kernelpipe);
  const before = named(args, 'before', 'before_folder') ?? previous;
  const after = named(args, 'after', 'after_folder') ?? last;
  return before && after ? { before, after } : null;
}

/** Return a run that is listed. */
function listed(needs: ICommandNeeds, args: Args): IRun | null {
  const key = target(needs, args);
  return (
    needs.kernelpipe.runs.list.find(
      run => key !== null && isSameRun(run, key)
    ) ?? null
  );
}

function stepOf(args: Args): string | null {
  return typeof args['step'] === 'string' ? args['step'] : null;
}

/** Ask once, then remove a run with its files. */
async function remove(
  { kernelpipe, trans, places }: ICommandNeeds,
  run: IRun
): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Delete this run?'),
    body: trans.__(
      'The run of %1 from %2 will be deleted with its log, its values and its executed notebooks. The notebook itself stays.',
      runName(run),
      whenTexts(run.started_at).exact
    ),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    defaultButton: 0
  });
  if (!answer.button.accept) {
    return;
  }
  try {
    await kernelpipe.runs.remove(run);
    places.close(run);
  } catch (reason) {
    complain(reason);
  }
}

function addOpening(commands: CommandRegistry, needs: ICommandNeeds): void {
  const { trans, places } = needs;
  commands.addCommand(CommandIDs.openRun, {
    label: trans.__('Open Last Run'),
    caption: trans.__('Show the steps, logs and results of a run'),
    describedBy: texts('folder', 'run_id', 'step'),
    isEnabled: args => target(needs, args) !== null,
    execute: args => {
      const key = target(needs, args);
      return key && places.openRun(key, stepOf(args));
    }
  });
  commands.addCommand(CommandIDs.openRunNotebook, {
    label: trans.__('Open Executed Notebook of Last Run'),
    caption: trans.__('Show the cells of a run with their outputs'),
    describedBy: texts('folder', 'run_id', 'step'),
    isEnabled: args => places.hasNotebooks && target(needs, args) !== null,
    execute: args => {
      const key = target(needs, args);
      return key && places.openNotebook(key, stepOf(args));
    }
  });
  commands.addCommand(CommandIDs.compareRuns, {
    label: trans.__('Compare Last Two Runs'),
    caption: trans.__('Show what differs between two runs'),
    describedBy: texts('before', 'before_folder', 'after', 'after_folder'),
    isEnabled: args => pair(needs, args) !== null,
    execute: args => {
      const runs = pair(needs, args);
      return runs && places.compare(runs.before, runs.after);
    }
  });
}

function addOthers(commands: CommandRegistry, needs: ICommandNeeds): void {
  const { trans } = needs;
  commands.addCommand(CommandIDs.deleteRun, {
    label: trans.__('Delete Last Run…'),
    caption: trans.__('Remove a run with its files'),
    describedBy: texts('folder', 'run_id'),
    isEnabled: args => {
      const run = listed(needs, args);
      return run !== null && hasEnded(run.state);
    },
    execute: async args => {
      const run = listed(needs, args);
      if (run !== null) {
        await remove(needs, run);
      }
    }
  });
  commands.addCommand(CommandIDs.showHistory, {
    label: trans.__('Show Runs'),
    caption: trans.__('Show the runs of all notebooks'),
    describedBy: texts(),
    isEnabled: () => commands.hasCommand(CommandIDs.showPanel),
    execute: () => commands.execute(CommandIDs.showPanel, { section: 'runs' })
  });
}

const NAMES = [
  CommandIDs.openRun,
  CommandIDs.openRunNotebook,
  CommandIDs.compareRuns,
  CommandIDs.deleteRun,
  CommandIDs.showHistory
];

/** Say that the commands may have become enabled, when what they are about has changed. */
function keepEnabled(
  commands: CommandRegistry,
  { kernelpipe }: ICommandNeeds
): void {
  let before = '';
  const follow = (): void => {
    const [last, previous] = newest(kernelpipe);
    const now = [last?.run_id, last?.state, previous?.run_id].join();
    if (now !== before) {
      before = now;
      NAMES.forEach(name => commands.notifyCommandChanged(name));
    }
  };
  kernelpipe.runs.changed.connect(follow);
  kernelpipe.sessions.currentChanged.connect(follow);
}

/** Add the commands and return their names. */
export function addRunCommands(
  commands: CommandRegistry,
  needs: ICommandNeeds
): string[] {
  addOpening(commands, needs);
  addOthers(commands, needs);
  keepEnabled(commands, needs);
  return NAMES;
}
