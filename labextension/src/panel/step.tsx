/**
 * One step in the list: how it stands, and on demand all about it.
 */
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { PartialJSONValue } from '@lumino/coreutils';
import * as React from 'react';

import type { ILane, IPlannedStep, IStep, IStepRun } from '../api';
import { Button, Icon } from '../buttons';
import { flowTexts, isExit, Items } from '../flow';
import { useNow } from '../hooks';
import { stateIcon } from '../icons';
import { hasEnded, stateText } from '../states';
import { durationText, tookText } from '../texts';
import { CommandIDs } from '../tokens';
import type { laneScale } from './lanes';
import { Lanes } from './lanes';
import type { ISectionProps } from './parts';
import { CommandButton } from './parts';

/** A row's place in the list. */
interface IRowProps extends ISectionProps {
  step: IStep;
  index: number;
  lane: ILane | undefined;
  scale: ReturnType<typeof laneScale>;
  isTabStop: boolean;
  onFocus: () => void;
}

/** Return in words what a run would do with a step. */
function verdictText(
  trans: TranslationBundle,
  { verdict, expected_s }: IPlannedStep
): string {
  switch (verdict) {
    case 'run':
      return expected_s === null
        ? trans.__('Would run')
        : trans.__('Would run, about %1', durationText(expected_s));
    case 'maybe':
      return trans.__('May run');
    case 'found':
      return trans.__('Result found');
    case 'skipped':
      return trans.__('Would be skipped');
    default:
      return trans.__('Left out');
  }
}

/** Settings that are said in words. */
const FLOW = new Set(['when', 'foreach', 'on_exit']);

/** Return what is worth saying of a step in a run, besides its state. */
function progressText(
  trans: TranslationBundle,
  run: IStepRun,
  now: number
): string[] {
  const { state, cells_done: done, cells_total: total } = run;
  if (state === 'FAILED' && run.error !== null) {
    return [run.error.ename];
  }
  if (run.cached) {
    return [trans.__('reused')];
  }
  if (state === 'SKIPPED') {
    return run.reason === null ? [] : [run.reason];
  }
  const hasCells = state === 'RUNNING' && total > 0;
  return [
    hasCells ? trans.__('%1/%2 cells', done, total) : '',
    tookText(run, now)
  ].filter(part => part !== '');
}

/** The second line of a row: the state in the latest run, the plan, or the size. */
function Status(
  props: IRowProps & { run: IStepRun | null }
): React.JSX.Element {
  const { model, step, run, trans } = props;
  const now = useNow(run?.state === 'RUNNING' ? 1 : 0);
  const planned = model.planned(step.name);
  const errors = model.errorsIn(step.name);
  if (errors > 0) {
    return (
      <span className="jp-kernelpipe-PanelStep-status jp-mod-failed">
        <Icon icon={stateIcon('FAILED')} />
        {trans._n('%1 error', '%1 errors', errors)}
      </span>
    );
  }
  if (planned !== null) {
    const reason = planned.reasons[0] ?? '';
    return (
      <span
        className="jp-kernelpipe-PanelStep-status"
        data-kernelpipe-verdict={planned.verdict}
        title={planned.reasons.join('\n')}
      >
        {[verdictText(trans, planned), reason]
          .filter(part => part !== '')
          .join(': ')}
      </span>
    );
  }
  const isOver = model.run === null || hasEnded(model.run.state);
  if (run === null || (run.state === 'PENDING' && isOver)) {
    return (
      <span className="jp-kernelpipe-PanelStep-status">
        {trans._n('%1 cell', '%1 cells', step.cells.length)}
        {run !== null && ` · ${trans.__('not run')}`}
      </span>
    );
  }
  const parts = [stateText(trans, run.state), ...progressText(trans, run, now)];
  if (run.items !== null && run.items.length > 0) {
    const ended = run.items.filter(each => hasEnded(each.state)).length;
    parts.push(trans.__('%1 of %2 items', ended, run.items.length));
  }
  if (model.session?.editedSteps.has(step.name)) {
    parts.push(trans.__('edited since'));
  }
  return (
    <span
      className={`jp-kernelpipe-PanelStep-status jp-mod-${run.state.toLowerCase()}`}
    >
      <Icon icon={stateIcon(run.state)} />
      <span
        className="jp-kernelpipe-PanelStep-words"
        title={run.reason ?? undefined}
      >
        {parts.join(' · ')}
      </span>
    </span>
  );
}

/** Return what the details say of a step's state. */
function stateFacts(trans: TranslationBundle, run: IStepRun | null): string[] {
  const reused = trans.__('the result of an earlier run was used');
  const reason = run?.error ? '' : (run?.reason ?? ''); // said with the error
  return [run?.cached ? reused : '', reason].filter(part => part !== '');
}

/** Return a setting as a reader would write it. */
function settingText(value: PartialJSONValue | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** One line of the details; nothing without values. */
function Fact(props: {
  name: string;
  values: string[];
}): React.JSX.Element | null {
  return props.values.length === 0 ? null : (
    <>
      <dt>{props.name}</dt>
      <dd>
        {props.values.map(value => (
          <span key={value} className="jp-kernelpipe-PanelFact">
            {value}
          </span>
        ))}
      </dd>
    </>
  );
}

/** Why the step failed, and the way to the place. */
function Failure(
  props: IRowProps & { run: IStepRun }
): React.JSX.Element | null {
  const { actions, run, trans } = props;
  const { error } = run;
  if (error === null) {
    return null;
  }
  // A cluster knows no cell; the reason then says what the error means and what to do.
  const isExplained = error.cell === null && run.reason !== null;
  return (
    <div className="jp-kernelpipe-PanelFailure">
      <p>
        <strong>{error.ename}</strong>
        {isExplained
          ? `: ${run.reason}`
          : error.evalue !== '' && `: ${error.evalue}`}
      </p>
      {(error.cell !== null || error.cell_id !== null) && (
        <Button
          label={trans.__('Go to cell')}
          data-kernelpipe-action="go-to-cell"
          onClick={() => void actions.goToFailure(run)}
        />
      )}
    </div>
  );
}

/** All about a step. */
function Details(
  props: IRowProps & { run: IStepRun | null; id: string }
): React.JSX.Element {
  const { commands, model, run, step, trans, id } = props;
  const inputs = step.inputs.map(({ name, from }) =>
    from === null
      ? trans.__('%1 (parameter)', name)
      : trans.__('%1 from %2', name, from)
  );
  const settings = Object.entries(step.settings)
    .filter(([name]) => !FLOW.has(name))
    .map(([name, value]) => `${name}: ${settingText(value)}`);
  const flow = flowTexts(trans, step);
  const reasons = model.planned(step.name)?.reasons ?? [];
  const args = { step: step.name };
  return (
    <div id={id} className="jp-kernelpipe-PanelDetails">
      {run !== null && <Failure {...props} run={run} />}
      {run?.items && <Items items={run.items} trans={trans} />}
      <dl>
        <Fact name={trans.__('Runs')} values={flow ? [flow.full] : []} />
        <Fact name={trans.__('Plan')} values={reasons} />
        <Fact name={trans.__('State')} values={stateFacts(trans, run)} />
        <Fact name={trans.__('Inputs')} values={inputs} />
        <Fact name={trans.__('Outputs')} values={step.outputs} />
        <Fact name={trans.__('Metrics')} values={step.metrics} />
        <Fact name={trans.__('After')} values={step.after} />
        <Fact name={trans.__('Cells')} values={step.cells.map(String)} />
        <Fact name={trans.__('Settings')} values={settings} />
      </dl>
      {model.kernelpipe.backend === 'local' && (
        <div className="jp-kernelpipe-PanelDetails-buttons">
          <CommandButton
            commands={commands}
            id={CommandIDs.runFromStep}
            args={args}
            label={trans.__('Run from here')}
          />
          <CommandButton
            commands={commands}
            id={CommandIDs.runStep}
            args={args}
            label={trans.__('Run only this')}
          />
        </div>
      )}
    </div>
  );
}

/** One step. */
export function StepRow(props: IRowProps): React.JSX.Element {
  const { actions, model, step, index, lane, scale, trans } = props;
  const { name } = step;
  const id = `${React.useId()}details`;
  const run = model.stepRun(name);
  const flow = flowTexts(trans, step);
  const isExpanded = model.isExpanded(name);
  const setExpanded = (value: boolean): void => model.setExpanded(name, value);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const isWanted = { ArrowRight: true, ArrowLeft: false }[event.key];
    if (isWanted !== undefined) {
      event.preventDefault();
      setExpanded(isWanted);
    }
  };
  return (
    <li
      className={`jp-kernelpipe-PanelStep${isExit(step) ? ' jp-mod-exit' : ''}`}
      data-kernelpipe-step={name}
      data-kernelpipe-state={run?.state}
    >
      {lane && <Lanes lane={lane} colour={index} scale={scale} />}
      <div className="jp-kernelpipe-PanelStep-body">
        <div className="jp-kernelpipe-PanelStep-row">
          <button
            type="button"
            className="jp-kernelpipe-PanelStep-main"
            tabIndex={props.isTabStop ? 0 : -1}
            title={trans.__('Go to the first cell of %1', name)}
            onClick={() => void actions.goToStep(name)}
            onFocus={props.onFocus}
            onKeyDown={onKeyDown}
          >
            <span className="jp-kernelpipe-PanelStep-name">{name}</span>
            {flow !== null && (
              <span className="jp-kernelpipe-PanelStep-flow" title={flow.full}>
                {flow.short}
              </span>
            )}
            <Status {...props} run={run} />
          </button>
          <Button
            kind="icon"
            icon={isExpanded ? caretDownIcon : caretRightIcon}
            label={trans.__('Details of %1', name)}
            tabIndex={props.isTabStop ? 0 : -1}
            aria-expanded={isExpanded}
            aria-controls={isExpanded ? id : undefined}
            title={trans.__('Details')}
            onClick={() => setExpanded(!isExpanded)}
          />
        </div>
        {run !== null && !hasEnded(run.state) && run.reason !== null && (
          <p className="jp-kernelpipe-PanelHint">{run.reason}</p>
        )}
        {isExpanded && <Details {...props} run={run} id={id} />}
      </div>
    </li>
  );
}
