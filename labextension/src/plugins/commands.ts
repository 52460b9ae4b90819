/**
 * The commands of the panel.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  downloadIcon,
  fastForwardIcon,
  listIcon,
  moveDownIcon,
  runIcon,
  saveIcon,
  stepOverIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { JSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { kernelpipeIcon } from '../icons';
import type { Actions, Section } from '../panel/actions';
import type { PanelModel } from '../panel/model';
import type { KernelpipePanel } from '../panel/panel';
import { canResume, canStop } from '../states';
import { CommandIDs } from '../tokens';

/** What the commands work on. */
interface ICommandContext {
  commands: CommandRegistry;
  model: PanelModel;
  panel: KernelpipePanel;
  trans: TranslationBundle;

  /** The id of the cell that has the cursor. */
  activeCell: () => string | null;
}

/** A command as it is added; the rest follows from it. */
interface ICommand {
  id: string;
  label: CommandRegistry.ICommandOptions['label'];
  caption: string;
  icon?: CommandRegistry.ICommandOptions['icon'];
  args?: JSONObject;
  isEnabled?: (args: ReadonlyPartialJSONObject) => boolean;
  execute: (args: ReadonlyPartialJSONObject) => unknown;
}

/** Return the schema of a command's arguments. */
function schema(properties: JSONObject): JSONObject {
  return { type: 'object', properties, additionalProperties: true };
}

/** Return the step that the arguments name, or that of the active cell. */
function stepOf(
  { model, activeCell }: ICommandContext,
  args: ReadonlyPartialJSONObject
): string | null {
  if (typeof args['step'] === 'string') {
    return args['step'];
  }
  const id = activeCell();
  const cells = model.session?.analysis?.cells ?? [];
  return cells.find(each => each.id === id)?.step ?? null;
}

const STEP: JSONObject = {
  step: {
    type: 'string',
    description: 'The name of the step; that of the active cell without it.'
  }
};

/** Return the commands that start and stop runs. */
function runCommands(context: ICommandContext): ICommand[] {
  const { model, trans } = context;
  const actions: Actions = context.panel.actions;
  const canRun = (): boolean =>
    model.busy === null &&
    !model.isRunning &&
    model.obstacle === null &&
    (model.session?.analysis?.steps.length ?? 0) > 0;
  const canRunStep = (args: ReadonlyPartialJSONObject): boolean =>
    canRun() && stepOf(context, args) !== null;
  return [
    {
      id: CommandIDs.run,
      label: args =>
        args['use_cache'] === false
          ? trans.__('Run All Steps Again')
          : trans.__('Run Pipeline'),
      caption: trans.__('Save the notebook and run it as a pipeline'),
      icon: args => (args['toolbar'] ? kernelpipeIcon : runIcon),
      args: {
        use_cache: {
          type: 'boolean',
          description: 'Whether results of earlier runs may be used.',
          default: true
        },
        toolbar: {
          type: 'boolean',
          description: 'Whether the icon is that of kernelpipe.'
        }
      },
      isEnabled: canRun,
      execute: args =>
        actions.run(args['use_cache'] === false ? { use_cache: false } : {})
    },
    {
      id: CommandIDs.runFromStep,
      label: trans.__('Run Pipeline from This Step'),
      caption: trans.__('Run this step and what comes after it'),
      icon: fastForwardIcon,
      args: STEP,
      isEnabled: canRunStep,
      execute: args => {
        const step = stepOf(context, args);
        return step === null ? undefined : actions.run({ start_from: [step] });
      }
    },
    {
      id: CommandIDs.runStep,
      label: trans.__('Run Only This Step'),
      caption: trans.__('Run this step with the results of those before it'),
      icon: stepOverIcon,
      args: STEP,
      isEnabled: canRunStep,
      execute: args => {
        const step = stepOf(context, args);
        return step === null ? undefined : actions.run({ only: [step] });
      }
    },
    {
      id: CommandIDs.stop,
      label: trans.__('Stop Pipeline'),
      caption: trans.__('Stop the run of this notebook'),
      icon: stopIcon,
      isEnabled: () =>
        model.busy === null && model.run !== null && canStop(model.run),
      execute: () => actions.stop()
    },
    {
      id: CommandIDs.resume,
      label: trans.__('Resume Pipeline'),
      caption: trans.__(
        'Continue the last run: only what failed or is missing is run'
      ),
      icon: fastForwardIcon,
      isEnabled: () => canRun() && model.run !== null && canResume(model.run),
      execute: () => actions.resume()
    },
    {
      id: CommandIDs.plan,
      label: trans.__('Show What Would Run'),
      caption: trans.__('Show at each step whether it would run, and why'),
      icon: listIcon,
      isEnabled: canRun,
      execute: () => actions.plan()
    }
  ];
}

/** Return the commands that compile, and those that lead somewhere. */
function otherCommands(context: ICommandContext): ICommand[] {
  const { model, panel, trans } = context;
  const { actions } = panel;
  const canCompile = (): boolean =>
    model.busy === null &&
    model.session !== null &&
    model.kernelpipe.runs.status?.backends.kfp.can_compile !== false;
  const canPropose = (): boolean =>
    model.busy === null &&
    model.session?.panel.model?.readOnly === false &&
    model.session.analysis?.steps.length === 0 &&
    model.session.analysis.cells.some(
      ({ role }) => role !== null && role !== 'skip'
    );
  return [
    {
      id: CommandIDs.proposeSteps,
      label: trans.__('Propose Pipeline Steps'),
      caption: trans.__(
        'Show steps that the notebook could have; nothing is tagged yet'
      ),
      isEnabled: canPropose,
      execute: () => actions.propose()
    },
    {
      id: CommandIDs.compileSave,
      label: trans.__('Compile Pipeline Next to the Notebook'),
      caption: trans.__(
        'Write the pipeline for Kubeflow to a file next to the notebook'
      ),
      icon: saveIcon,
      isEnabled: canCompile,
      execute: () => actions.compileAndSave()
    },
    {
      id: CommandIDs.compileDownload,
      label: trans.__('Compile and Download Pipeline'),
      caption: trans.__('Download the pipeline for Kubeflow as a file'),
      icon: downloadIcon,
      isEnabled: canCompile,
      execute: () => actions.compileAndDownload()
    },
    {
      id: CommandIDs.schedule,
      label: trans.__('Schedule on Kubeflow…'),
      caption: trans.__(
        'Let the cluster run this notebook at times or in intervals'
      ),
      isEnabled: () =>
        canCompile() &&
        model.hasCluster &&
        (model.session?.analysis?.steps.length ?? 0) > 0,
      execute: () => {
        model.schedules.showForm(true);
        panel.open('runs');
        panel.focus('runs');
      }
    },
    {
      id: CommandIDs.goToDiagnostic,
      label: trans.__('Go to Pipeline Diagnostic'),
      caption: trans.__('Show the cell and line of a finding'),
      args: {
        index: {
          type: 'integer',
          minimum: 0,
          description: 'Its place in the list; the first without it.'
        }
      },
      isEnabled: () => model.diagnostics.length > 0,
      execute: args => {
        const index = typeof args['index'] === 'number' ? args['index'] : 0;
        const diagnostic = model.diagnostics[index];
        return diagnostic && actions.goTo(diagnostic);
      }
    },
    {
      id: CommandIDs.nextDiagnostic,
      label: trans.__('Go to Next Pipeline Diagnostic'),
      caption: trans.__('Show the cell and line of the next finding'),
      icon: moveDownIcon,
      isEnabled: () => model.diagnostics.length > 0,
      execute: () => actions.goToNext()
    },
    {
      id: CommandIDs.showPanel,
      label: trans.__('Show Pipeline Panel'),
      caption: trans.__('Show the steps of the notebook and their runs'),
      icon: kernelpipeIcon,
      args: {
        section: {
          type: 'string',
          enum: ['steps', 'diagnostics', 'parameters', 'runs'],
          description: 'The section to open.'
        }
      },
      execute: args => {
        const section = (args['section'] ?? 'steps') as Section;
        panel.open(section);
        panel.focus(section);
      }
    }
  ];
}

/** Add the commands of the panel; returns their ids. */
export function addCommands(context: ICommandContext): string[] {
  const { commands, model } = context;
  const all = [...runCommands(context), ...otherCommands(context)];
  for (const { id, args, isEnabled, execute, ...shown } of all) {
    commands.addCommand(id, {
      ...shown,
      describedBy: { args: schema(args ?? {}) },
      isEnabled,
      execute
    });
  }
  let before = '';
  const onChanged = (): void => {
    const now = all.map(each => commands.isEnabled(each.id));
    const text = now.join();
    if (text !== before) {
      before = text;
      all.forEach(each => commands.notifyCommandChanged(each.id));
    }
  };
  model.changed.connect(onChanged, context);
  return all.map(each => each.id);
}
