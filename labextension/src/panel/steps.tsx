/**
 * The section with the steps of the notebook, in the order of the pipeline.
 */
import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ApiError, IAnalysis } from '../api';
import { Button } from '../buttons';
import { CommandIDs } from '../tokens';
import { laneScale } from './lanes';
import type { ISectionProps } from './parts';
import { CommandButton, Empty } from './parts';
import { Proposal } from './proposal';
import { StepRow } from './step';

/** The finding that a notebook is none, or not in Python. */
const NOT_READABLE = 'KP100';

/** What is said when the server does not answer. */
function Problem(
  props: ISectionProps & { problem: ApiError }
): React.JSX.Element {
  const { model, trans, problem } = props;
  const retry = (): void => {
    void model.session?.refresh();
    void model.kernelpipe.runs.refresh().catch(() => undefined); // said here
  };
  return (
    <div className="jp-kernelpipe-PanelOffline" role="status">
      <p>
        {problem.status === 0
          ? trans.__('The server does not answer; what is shown may be old.')
          : trans.__('The server cannot tell the steps: %1', problem.message)}
      </p>
      <Button
        icon={refreshIcon}
        label={trans.__('Try again')}
        data-kernelpipe-action="retry"
        onClick={retry}
      />
    </div>
  );
}

/** What a notebook without steps is told. */
function NoSteps(
  props: ISectionProps & { analysis: IAnalysis }
): React.JSX.Element {
  const { analysis, commands, model, trans } = props;
  const proposal = model.proposals.of(model.session);
  const unreadable = analysis.diagnostics.find(
    each => each.code === NOT_READABLE
  );
  if (unreadable) {
    const { message, hint } = unreadable;
    return <Empty text={message}>{hint !== null && <p>{hint}</p>}</Empty>;
  }
  if (proposal !== null) {
    return <Proposal {...props} proposal={proposal} />;
  }
  return (
    <Empty
      text={trans.__(
        'No steps yet. A step is a group of cells that run together; what flows between steps is found out. Have steps proposed, or select cells that belong together:'
      )}
    >
      <CommandButton
        commands={commands}
        id={CommandIDs.proposeSteps}
        kind="primary"
        label={trans.__('Propose steps')}
        isBusy={model.busy === 'propose'}
      />
      {commands.hasCommand(CommandIDs.newStep) && (
        <CommandButton
          commands={commands}
          id={CommandIDs.newStep}
          label={trans.__('Make the selected cells a step')}
        />
      )}
    </Empty>
  );
}

/** Return which step a key leads to; null for other keys. */
function target(key: string, index: number, count: number): number | null {
  switch (key) {
    case 'ArrowUp':
      return Math.max(0, index - 1);
    case 'ArrowDown':
      return Math.min(count - 1, index + 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}

/** The list; one Tab stop, arrow keys lead from step to step. */
function List(
  props: ISectionProps & { analysis: IAnalysis }
): React.JSX.Element {
  const { analysis, trans } = props;
  const { steps, lanes } = analysis;
  const [active, setActive] = React.useState('');
  const list = React.useRef<HTMLOListElement>(null);
  const scale = laneScale(lanes);
  const found = steps.findIndex(each => each.name === active);
  const current = Math.max(0, found);

  const onKeyDown = (event: React.KeyboardEvent<HTMLOListElement>): void => {
    const rows = list.current?.querySelectorAll<HTMLElement>(
      '.jp-kernelpipe-PanelStep-main'
    );
    const index = Array.from(rows ?? []).indexOf(event.target as HTMLElement);
    const next = index < 0 ? null : target(event.key, index, steps.length);
    if (next !== null) {
      event.preventDefault();
      rows?.[next]?.focus();
    }
  };

  return (
    <ol
      ref={list}
      className="jp-kernelpipe-PanelSteps"
      aria-label={trans.__('Steps')}
      onKeyDown={onKeyDown}
    >
      {steps.map((step, index) => (
        <StepRow
          {...props}
          key={step.name}
          step={step}
          index={index}
          lane={lanes.find(each => each.step === step.name)}
          scale={scale}
          isTabStop={index === current}
          onFocus={() => setActive(step.name)}
        />
      ))}
    </ol>
  );
}

/** The steps, or why there are none. */
export function Steps(props: ISectionProps): React.JSX.Element {
  const { model, trans } = props;
  const { session } = model;
  if (session === null) {
    return (
      <Empty
        text={trans.__('Open a notebook to see it as a pipeline of steps.')}
      />
    );
  }
  const { analysis, problem } = session;
  return (
    <>
      {problem !== null && <Problem {...props} problem={problem} />}
      {analysis === null && problem === null && (
        <Empty text={trans.__('Working out the pipeline…')} />
      )}
      {analysis !== null && analysis.steps.length === 0 && (
        <NoSteps {...props} analysis={analysis} />
      )}
      {analysis !== null && analysis.steps.length > 0 && (
        <List {...props} analysis={analysis} />
      )}
    </>
  );
}
