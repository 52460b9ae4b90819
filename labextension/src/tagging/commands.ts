/**
 * The commands that change tags; they act on the selected cells.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { JSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { TagEdit } from '../api';
import { kernelpipeIcon } from '../icons';
import { complain } from '../refusals';
import type { IKernelpipe, INotebookSession } from '../tokens';
import { CommandIDs } from '../tokens';
import { NamePopover, askNewName } from './popover';
import { activeMark, canTag, selectedIds, stepNames } from './selection';
import type { ChosenRole } from './words';
import { ROLES, roleCaption, roleText } from './words';

type Args = ReadonlyPartialJSONObject;

const NAME: JSONObject = {
  type: 'string',
  pattern: '^[A-Za-z_][A-Za-z0-9_-]*$',
  description: 'The name of a step; without it, it is asked for.'
};

/** Return the schema of a command's arguments. */
function schema(properties: JSONObject): { args: JSONObject } {
  return { args: { type: 'object', properties, additionalProperties: true } };
}

/** Return a text argument, null if it is not there. */
function text(args: Args, name: string): string | null {
  const found = args[name];
  return typeof found === 'string' && found !== '' ? found : null;
}

/** Return the role that the arguments name. */
function roleOf(args: Args): ChosenRole {
  return ROLES.find(role => role !== null && role === args['role']) ?? null;
}

/** What the commands work with. */
class Tagging {
  constructor(
    readonly kernelpipe: IKernelpipe,
    readonly trans: TranslationBundle
  ) {}

  get session(): INotebookSession | null {
    return this.kernelpipe.sessions.current;
  }

  /** Change tags; what the server refuses is told, and is not in the way. */
  async edit(edit: TagEdit): Promise<void> {
    try {
      await this.session?.edit(edit);
    } catch (reason) {
      complain(reason);
    }
  }

  /** Make the selected cells a step's; asks which one where none is named. */
  async setStep(step: string | null, isNew: boolean): Promise<void> {
    const { session, trans } = this;
    if (session === null) {
      return;
    }
    const ids = selectedIds(session);
    if (ids.length === 0) {
      complain(trans.__('Select a code cell first.'));
      return;
    }
    if (step !== null) {
      await this.edit({ kind: 'step', ids, step });
      return;
    }
    NamePopover.ask({
      ...this._place(session),
      label: isNew ? trans.__('New step') : trans.__('Step'),
      value: '',
      options: isNew ? [] : stepNames(session),
      hint:
        ids.length === 1
          ? trans.__('A new step begins here and goes on to the next tag.')
          : trans.__('The %1 selected cells become this step.', ids.length),
      onAnswer: name => session.edit({ kind: 'step', ids, step: name })
    });
  }

  /** Give a step another name; asks which where none is given. */
  async renameStep(step: string | null, to: string | null): Promise<void> {
    const { session, trans } = this;
    const name = step ?? activeMark(session)?.step ?? null;
    if (session === null || name === null) {
      return;
    }
    if (to !== null) {
      await this.edit({ kind: 'rename', step: name, to });
      return;
    }
    askNewName(session, name, trans, this._place(session));
  }

  /** Return where to ask: at the active cell, which has the focus afterwards. */
  private _place(session: INotebookSession): {
    anchor: Element;
    onClosed: () => void;
  } {
    const { node } = session.panel.content.activeCell ?? session.panel;
    return {
      anchor: node.querySelector('.jp-InputArea-editor') ?? node,
      onClosed: () => {
        if (!session.panel.isDisposed) {
          session.panel.content.activate();
        }
      }
    };
  }
}

/** Return the commands: id -> how it is added. */
function options(tagging: Tagging): {
  [id: string]: CommandRegistry.ICommandOptions;
} {
  const { trans } = tagging;
  const isEnabled = (): boolean => canTag(tagging.session);
  const mark = (): ReturnType<typeof activeMark> => activeMark(tagging.session);
  return {
    [CommandIDs.setStep]: {
      label: args => text(args, 'step') ?? trans.__('Set Pipeline Step…'),
      caption: trans.__('Make the selected cells part of a step'),
      icon: args => (args['step'] === undefined ? kernelpipeIcon : undefined),
      describedBy: schema({ step: NAME }),
      isEnabled,
      isToggleable: true,
      isToggled: args =>
        text(args, 'step') !== null && mark()?.step === args['step'],
      execute: args => tagging.setStep(text(args, 'step'), false)
    },
    [CommandIDs.newStep]: {
      label: trans.__('New Pipeline Step…'),
      caption: trans.__('Begin a step with the selected cells'),
      describedBy: schema({ step: NAME }),
      isEnabled,
      execute: args => tagging.setStep(text(args, 'step'), true)
    },
    [CommandIDs.removeStep]: {
      label: trans.__('Remove from Pipeline Step'),
      caption: trans.__(
        'Let the selected cells continue what is above them instead'
      ),
      describedBy: schema({}),
      isEnabled: () => isEnabled() && mark()?.is_tagged === true,
      execute: () =>
        tagging.session &&
        tagging.edit({
          kind: 'step',
          ids: selectedIds(tagging.session),
          step: null
        })
    },
    [CommandIDs.renameStep]: {
      label: trans.__('Rename Pipeline Step…'),
      caption: trans.__('Rename the step of this cell, wherever tags name it'),
      describedBy: schema({ step: NAME, to: NAME }),
      isEnabled: args =>
        tagging.session?.panel.model?.readOnly === false &&
        (text(args, 'step') ?? mark()?.step ?? null) !== null,
      execute: args => tagging.renameStep(text(args, 'step'), text(args, 'to'))
    },
    [CommandIDs.setRole]: {
      label: args => roleText(trans, roleOf(args)),
      caption: args => roleCaption(trans, roleOf(args)),
      describedBy: schema({
        role: {
          type: ['string', 'null'],
          enum: [...ROLES],
          description: 'What the selected cells are for; null is step code.'
        }
      }),
      isEnabled,
      isToggleable: true,
      isToggled: args => {
        const role = mark()?.role ?? null;
        return (
          mark() !== null && (role === 'step' ? null : role) === roleOf(args)
        );
      },
      execute: args =>
        tagging.session &&
        tagging.edit({
          kind: 'role',
          ids: selectedIds(tagging.session),
          role: roleOf(args)
        })
    }
  };
}

/** Add the commands; returns the ids of those that need no arguments. */
export function addTaggingCommands(
  commands: CommandRegistry,
  kernelpipe: IKernelpipe,
  trans: TranslationBundle
): string[] {
  const all = options(new Tagging(kernelpipe, trans));
  for (const [id, command] of Object.entries(all)) {
    commands.addCommand(id, command);
  }
  return Object.keys(all).filter(id => id !== CommandIDs.setRole);
}
