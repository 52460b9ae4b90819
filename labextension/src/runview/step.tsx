/**
 * One step of a run: its log, its error, and what it handed on.
 */
import * as React from 'react';

import type { IRunDetail, IStepRun } from '../api';
import { StateLabel } from '../history/row';
import { Button } from '../buttons';
import { Items } from '../flow';
import { runArgs } from '../keys';
import { isKept } from '../states';
import { CommandIDs } from '../tokens';
import { Failure } from './failure';
import { Log } from './log';
import type { IViewNeeds } from './needs';
import type { ITab } from './tabs';
import { Tabs } from './tabs';
import { Values } from './values';

/** What a step's view needs. */
interface IStepProps {
  needs: IViewNeeds;
  run: IRunDetail;
  step: IStepRun;
  isVisible: boolean;
}

/** Return the tabs that a step has something to say in. */
function tabsOf({ needs, run, step, isVisible }: IStepProps): ITab[] {
  const { trans } = needs;
  const { error } = step;
  const key = `${step.name} ${step.attempts ?? 0}`;
  const tabs: ITab[] = [];
  if (error !== null) {
    tabs.push({
      id: 'error',
      label: trans.__('Error'),
      render: () => (
        <Failure key={key} needs={needs} run={run} step={step} error={error} />
      )
    });
  }
  tabs.push({
    id: 'log',
    label: trans.__('Log'),
    render: () => (
      <Log
        key={key}
        needs={needs}
        run={run}
        step={step}
        isVisible={isVisible}
      />
    )
  });
  if (step.state === 'SUCCEEDED' && isKept(run)) {
    tabs.push({
      id: 'values',
      label: trans.__('Values'),
      render: () => <Values key={key} needs={needs} run={run} step={step} />
    });
  }
  return tabs;
}

/** The step. */
export function Step(props: IStepProps): React.JSX.Element {
  const { needs, run, step } = props;
  const { trans, commands } = needs;
  const [tab, setTab] = React.useState('');
  const hasBegun = step.state !== 'PENDING' && step.state !== 'SKIPPED';
  return (
    <section className="jp-kernelpipe-RunStep" aria-label={step.name}>
      <div className="jp-kernelpipe-RunStep-head">
        <h3>{step.name}</h3>
        <StateLabel run={step} trans={trans} />
        {hasBegun && step.state !== 'RUNNING' && isKept(run) && (
          <Button
            label={trans.__("Step's notebook")}
            command={CommandIDs.openRunNotebook}
            onClick={() =>
              void commands.execute(
                CommandIDs.openRunNotebook,
                runArgs(run, { step: step.name })
              )
            }
          />
        )}
      </div>
      {step.reason !== null && step.error === null && (
        <p className="jp-kernelpipe-RunStep-reason">{step.reason}</p>
      )}
      {step.items !== null && <Items items={step.items} trans={trans} />}
      {hasBegun ? (
        <Tabs
          label={trans.__("What step '%1' did", step.name)}
          tabs={tabsOf(props)}
          selected={tab}
          onSelect={setTab}
        />
      ) : (
        <p className="jp-kernelpipe-Empty">
          {step.state === 'PENDING'
            ? trans.__('This step has not started yet.')
            : trans.__('This step was not run.')}
        </p>
      )}
    </section>
  );
}
