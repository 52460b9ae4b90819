/**
 * The top of the panel: which notebook, what can be done with it, and how its run goes.
 */
import { closeIcon, ellipsesIcon, MenuSvg } from '@jupyterlab/ui-components';
import { PathExt } from '@jupyterlab/coreutils';
import * as React from 'react';

import type { BackendName, IClusterRun, IPlan, IRun } from '../api';
import { Button, Icon } from '../buttons';
import { useNow } from '../hooks';
import { stateIcon } from '../icons';
import { runArgs } from '../keys';
import { canResume, hasEnded, stateText } from '../states';
import { durationText, progressText, tookText } from '../texts';
import { CommandIDs } from '../tokens';
import type { ISectionProps } from './parts';
import { CommandButton } from './parts';

/** What the menu offers, null for a line. */
const MENU = [
  { command: CommandIDs.plan },
  { command: CommandIDs.run, args: { use_cache: false } },
  null,
  { command: CommandIDs.compileSave },
  { command: CommandIDs.compileDownload },
  { command: CommandIDs.schedule },
  null,
  { command: CommandIDs.showGraph },
  { command: CommandIDs.nextDiagnostic }
];

/** The button that opens the menu. */
function MenuButton({ commands, trans }: ISectionProps): React.JSX.Element {
  const [isOpen, setOpen] = React.useState(false);
  const button = React.useRef<HTMLButtonElement>(null);
  const menu = React.useRef<MenuSvg | null>(null);
  React.useEffect(() => {
    menu.current = new MenuSvg({ commands });
    menu.current.aboutToClose.connect(() => {
      setOpen(false);
      button.current?.focus();
    });
    return () => menu.current?.dispose();
  }, [commands]);
  const open = (): void => {
    menu.current?.clearItems();
    for (const item of MENU) {
      if (item === null) {
        menu.current?.addItem({ type: 'separator' });
      } else if (commands.hasCommand(item.command)) {
        menu.current?.addItem(item);
      }
    }
    const place = button.current?.getBoundingClientRect();
    setOpen(true);
    menu.current?.open(place?.left ?? 0, place?.bottom ?? 0);
  };
  return (
    <button
      ref={button}
      type="button"
      className="jp-kernelpipe-Button jp-mod-icon"
      aria-haspopup="menu"
      aria-expanded={isOpen}
      aria-label={trans.__('More pipeline actions')}
      title={trans.__('More pipeline actions')}
      data-kernelpipe-menu="panel"
      onClick={open}
    >
      <Icon icon={ellipsesIcon} />
    </button>
  );
}

/** Where runs start. */
function BackendChoice({ model, trans }: ISectionProps): React.JSX.Element {
  const { kernelpipe } = model;
  return (
    <label className="jp-kernelpipe-PanelBackend">
      <span>{trans.__('on')}</span>
      <select
        className="jp-kernelpipe-Select"
        value={kernelpipe.backend}
        data-kernelpipe-choice="backend"
        onChange={event => {
          kernelpipe.backend = event.currentTarget.value as BackendName;
        }}
      >
        <option value="local">{trans.__('This machine')}</option>
        <option value="kfp">{trans.__('Kubeflow')}</option>
      </select>
    </label>
  );
}

/** Run, or Stop in its place. */
function RunOrStop({
  model,
  commands,
  trans
}: ISectionProps): React.JSX.Element {
  const isStopping = model.busy === 'stop' || model.run?.state === 'CANCELING';
  return model.isRunning ? (
    <CommandButton
      commands={commands}
      id={CommandIDs.stop}
      label={isStopping ? trans.__('Stopping…') : trans.__('Stop')}
      isBusy={isStopping}
    />
  ) : (
    <CommandButton
      commands={commands}
      id={CommandIDs.run}
      kind={model.obstacle === null ? 'primary' : 'plain'}
      label={model.busy === 'run' ? trans.__('Starting…') : trans.__('Run')}
      isBusy={model.busy === 'run'}
    />
  );
}

/** What can be done with the notebook and its latest run. */
function Buttons(props: ISectionProps): React.JSX.Element {
  const { model, commands, trans } = props;
  const { isRunning, run } = model;
  const isKubeflow = model.kernelpipe.backend === 'kfp';
  const box = React.useRef<HTMLDivElement>(null);
  const isResumed = React.useRef(false);
  isResumed.current ||= model.busy === 'resume';
  React.useEffect(() => {
    // The button that was pressed is gone.
    if (isResumed.current && document.activeElement === document.body) {
      box.current?.querySelector('button')?.focus();
    }
    isResumed.current = false;
  }, [isRunning]);
  return (
    <div className="jp-kernelpipe-PanelButtons" ref={box}>
      <RunOrStop {...props} />
      {run !== null && canResume(run) && !isKubeflow && (
        <CommandButton
          commands={commands}
          id={CommandIDs.resume}
          label={trans.__('Resume')}
          isBusy={model.busy === 'resume'}
        />
      )}
      {isKubeflow && (
        <CommandButton
          commands={commands}
          id={CommandIDs.compileSave}
          kind={model.obstacle === null ? 'plain' : 'primary'}
          label={trans.__('Compile')}
          isBusy={model.busy === 'compile'}
        />
      )}
      <BackendChoice {...props} />
    </div>
  );
}

/** Return in words what a plan says in all. */
function planText({ trans }: ISectionProps, plan: IPlan): string {
  const count = (...verdicts: string[]): number =>
    plan.steps.filter(each => verdicts.includes(each.verdict)).length;
  const runs = count('run');
  const mayRun = count('maybe');
  const found = count('found');
  const parts = [
    runs + mayRun === 0
      ? trans.__('Nothing would run')
      : trans._n('%1 step would run', '%1 steps would run', runs),
    mayRun > 0 ? trans.__('%1 may run', mayRun) : '',
    found > 0 ? trans.__('%1 found from earlier runs', found) : '',
    plan.expected_s ? trans.__('about %1', durationText(plan.expected_s)) : ''
  ];
  return parts.filter(part => part !== '').join(', ');
}

/** What Run would do, or why it cannot. */
function Hint(props: ISectionProps): React.JSX.Element | null {
  const { model, trans } = props;
  const steps = model.session?.analysis?.steps.length ?? 0;
  const errors = model.errors.length;
  if (model.obstacle !== null) {
    return <p className="jp-kernelpipe-PanelHint">{model.obstacle}</p>;
  }
  if (steps === 0 || model.isRunning) {
    return null; // the steps' section says why, or the progress
  }
  if (errors > 0) {
    return model.notice !== null ? null : (
      <p className="jp-kernelpipe-PanelHint jp-mod-error">
        <Icon icon={stateIcon('FAILED')} />
        {trans._n(
          'An error keeps this notebook from being run.',
          '%1 errors keep this notebook from being run.',
          errors
        )}
      </p>
    );
  }
  if (model.plan !== null) {
    return (
      <div className="jp-kernelpipe-PanelPlan" data-kernelpipe-plan="summary">
        <p className="jp-kernelpipe-PanelHint">{planText(props, model.plan)}</p>
        <Button
          kind="icon"
          icon={closeIcon}
          label={trans.__('Hide what would run')}
          onClick={() => model.hidePlan()}
        />
      </div>
    );
  }
  if (model.run !== null && canResume(model.run)) {
    return (
      <p className="jp-kernelpipe-PanelHint">
        {trans.__(
          'Run begins anew with the results that are still valid; Resume continues the last run.'
        )}
      </p>
    );
  }
  if (model.kernelpipe.backend === 'kfp') {
    return (
      <p className="jp-kernelpipe-PanelHint">
        {trans.__(
          'Saves the notebook and submits it to the Kubeflow cluster, where all steps run.'
        )}
      </p>
    );
  }
  const text = trans._n(
    'Saves the notebook and runs its step; an unchanged result is used again.',
    'Saves the notebook and runs its %1 steps; unchanged results are used again.',
    steps
  );
  return <p className="jp-kernelpipe-PanelHint">{text}</p>;
}

/** Where a run on a cluster is, and why its state may be an old one. */
function Cluster({
  cluster,
  trans
}: {
  cluster: IClusterRun;
  trans: ISectionProps['trans'];
}): React.JSX.Element {
  const { page, problem, as_of: asOf } = cluster;
  const since = asOf && new Date(asOf * 1000).toLocaleTimeString();
  return (
    <>
      {problem !== null && (
        <p
          className="jp-kernelpipe-PanelHint"
          data-kernelpipe-cluster="problem"
        >
          {since
            ? trans.__('As of %1: %2', since, problem)
            : trans.__('Not known yet: %1', problem)}
        </p>
      )}
      {page !== null && /^https?:/.test(page) && (
        <a
          className="jp-kernelpipe-Button jp-mod-link"
          href={page}
          target="_blank"
          rel="noopener noreferrer"
        >
          {trans.__('Open in Kubeflow')}
        </a>
      )}
    </>
  );
}

/** How the latest run goes or went. */
function Progress(props: ISectionProps & { run: IRun }): React.JSX.Element {
  const { model, actions, run, commands, trans } = props;
  const failed = model.detail?.steps.find(
    ({ error }) => error !== null && (error.cell ?? error.cell_id) !== null
  );
  const failure = failed
    ? `${failed.name}: ${failed.error?.ename ?? ''}`
    : null;
  const reason = run.state === 'FAILED' ? (run.reason ?? failure) : null;
  const isLive = !hasEnded(run.state);
  const now = useNow(isLive ? 1 : 0);
  const parts = [progressText(trans, run), tookText(run, now)];
  const text = parts.filter(part => part !== '').join(' · ');
  return (
    <div
      className="jp-kernelpipe-PanelProgress"
      data-kernelpipe-state={run.state}
      data-kernelpipe-latest={run.run_id}
    >
      <div className="jp-kernelpipe-PanelProgress-line">
        <Icon icon={stateIcon(run.state)} />
        <span className="jp-kernelpipe-PanelProgress-state">
          {stateText(trans, run.state)}
        </span>
        {commands.hasCommand(CommandIDs.openRun) && (
          <Button
            kind="link"
            label={trans.__('Open run')}
            command={CommandIDs.openRun}
            title={trans.__('Show the run with its logs and results')}
            onClick={() =>
              void commands.execute(CommandIDs.openRun, runArgs(run))
            }
          />
        )}
      </div>
      <span className="jp-kernelpipe-PanelProgress-text">{text}</span>
      {isLive && (
        <progress
          className="jp-kernelpipe-PanelProgress-bar"
          aria-label={trans.__('Steps done')}
          value={run.steps_done}
          max={Math.max(1, run.steps_total)}
        />
      )}
      {reason !== null && (
        <p className="jp-kernelpipe-PanelHint" title={reason}>
          <span className="jp-kernelpipe-PanelReason">{reason}</span>
        </p>
      )}
      {run.cluster !== null && <Cluster cluster={run.cluster} trans={trans} />}
      {failed && (
        <Button
          label={trans.__('Go to the failed cell')}
          data-kernelpipe-action="go-to-failure"
          onClick={() => void actions.goToFailure(failed)}
        />
      )}
    </div>
  );
}

/** The top of the panel. */
export function Header(props: ISectionProps): React.JSX.Element | null {
  const { model, commands, trans } = props;
  const { session, notice, run } = model;
  if (session === null) {
    return (
      <div className="jp-kernelpipe-PanelName">{trans.__('Pipeline')}</div>
    );
  }
  return (
    <>
      <div className="jp-kernelpipe-PanelTitle">
        <span className="jp-kernelpipe-PanelName" title={session.path}>
          {PathExt.basename(session.path)}
        </span>
        {commands.hasCommand(CommandIDs.showGraph) && (
          <CommandButton
            commands={commands}
            id={CommandIDs.showGraph}
            kind="icon"
          />
        )}
        <MenuButton {...props} />
      </div>
      <Buttons {...props} />
      <Hint {...props} />
      {run !== null && <Progress {...props} run={run} />}
      {notice !== null && (
        <div className="jp-kernelpipe-PanelNotice" role="alert">
          <Icon icon={stateIcon('FAILED')} />
          <span>{notice}</span>
        </div>
      )}
    </>
  );
}
