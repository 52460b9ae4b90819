/**
 * The steps of a run, of which one is looked at.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IRunDetail, IStepRun } from '../api';
import { StateLabel } from '../history/row';
import { hasEnded } from '../states';
import { tookText } from '../texts';

/** Return how many of its cells a step has done. */
function cellsDone(run: IRunDetail, step: IStepRun): number {
  const seen = run.cells.filter(
    cell => cell.step === step.name && cell.state === 'SUCCEEDED'
  );
  return Math.min(step.cells_total, Math.max(step.cells_done, seen.length));
}

/** What is said of a step besides its state. */
function Facts(props: {
  run: IRunDetail;
  step: IStepRun;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { run, step, trans } = props;
  const isPartly =
    step.cells_total > 0 &&
    (step.state === 'RUNNING' || (hasEnded(step.state) && !step.cached));
  return (
    <>
      {step.cached && <span>{trans.__('reused')}</span>}
      {isPartly && step.state !== 'SKIPPED' && (
        <span>
          {trans._n(
            '%2 of %1 cell',
            '%2 of %1 cells',
            step.cells_total,
            cellsDone(run, step)
          )}
        </span>
      )}
      {step.attempts !== null && step.attempts > 1 && (
        <span>{trans.__('attempt %1', step.attempts)}</span>
      )}
    </>
  );
}

/** How far a running step is, as a bar; its words say the same. */
function Bar(props: {
  run: IRunDetail;
  step: IStepRun;
}): React.JSX.Element | null {
  const { run, step } = props;
  if (step.state !== 'RUNNING' || step.cells_total === 0) {
    return null;
  }
  const part = cellsDone(run, step) / step.cells_total;
  return (
    <span className="jp-kernelpipe-RunStep-bar" aria-hidden="true">
      <span style={{ inlineSize: `${Math.round(part * 100)}%` }} />
    </span>
  );
}

/** Move the focus to the step above or below. */
function onKeyDown(event: React.KeyboardEvent<HTMLOListElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0) {
    return;
  }
  const buttons = [...event.currentTarget.querySelectorAll('button')];
  const at = buttons.findIndex(each => each === document.activeElement);
  event.preventDefault();
  buttons[at + step]?.focus();
}

/** The list of steps. */
export function Steps(props: {
  run: IRunDetail;
  now: number;
  selected: string | null;
  trans: TranslationBundle;
  onSelect: (step: string) => void;
}): React.JSX.Element {
  const { run, trans } = props;
  return (
    <ol
      className="jp-kernelpipe-RunSteps"
      aria-label={trans.__('Steps')}
      onKeyDown={onKeyDown}
    >
      {run.steps.map(step => (
        <li
          key={step.name}
          data-kernelpipe-step={step.name}
          data-kernelpipe-state={step.state}
        >
          <button
            type="button"
            aria-current={step.name === props.selected}
            title={step.reason ?? step.name}
            onClick={() => props.onSelect(step.name)}
          >
            <span className="jp-kernelpipe-RunStep-name">{step.name}</span>
            <span className="jp-kernelpipe-RunStep-took">
              {step.cached ? '' : tookText(step, props.now)}
            </span>
            <span className="jp-kernelpipe-RunStep-facts">
              <StateLabel run={step} trans={trans} />
              <Facts run={run} step={step} trans={trans} />
            </span>
            <Bar run={run} step={step} />
          </button>
        </li>
      ))}
    </ol>
  );
}
