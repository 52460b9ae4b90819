/**
 * One run in the list of runs.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  deleteIcon,
  fastForwardIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { PartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import type { IRun } from '../api';
import { Button, Icon } from '../buttons';
import { stateIcon } from '../icons';
import { canResume, canStop, hasEnded, stateText } from '../states';
import {
  progressText,
  runName,
  tookText,
  valueText,
  whenTexts
} from '../texts';
import { CommandIDs } from '../tokens';

/** What can be done with the run of a row. */
export interface IRunActions {
  open(run: IRun): void;
  stop(run: IRun): void;
  resume(run: IRun): void;
  remove(run: IRun): void;
  choose(run: IRun, isChosen: boolean): void;
}

/** Names and values, each pair as it can be read aloud. */
export function Pairs(props: {
  label: string;
  values: PartialJSONObject;
  /** Those of the values that stand out. */
  marked?: PartialJSONObject;
  isBoxed?: boolean;
}): React.JSX.Element | null {
  const entries = Object.entries(props.values);
  if (entries.length === 0) {
    return null;
  }
  return (
    <ul
      className={
        props.isBoxed
          ? 'jp-kernelpipe-Pairs jp-kernelpipe-Pairs-boxed'
          : 'jp-kernelpipe-Pairs'
      }
      aria-label={props.label}
    >
      {entries.map(([name, value]) => (
        <li
          key={name}
          className={
            props.marked && name in props.marked
              ? 'jp-kernelpipe-Pairs-marked'
              : undefined
          }
          title={`${name} = ${typeof value === 'string' ? value : JSON.stringify(value)}`}
        >
          <span className="jp-kernelpipe-Pairs-name">{name}</span>{' '}
          <span className="jp-kernelpipe-Pairs-value">{valueText(value)}</span>
        </li>
      ))}
    </ul>
  );
}

/** A state as icon and word. */
export function StateLabel(props: {
  run: { state: IRun['state'] };
  trans: TranslationBundle;
}): React.JSX.Element {
  return (
    <span
      className="jp-kernelpipe-StateLabel"
      data-kernelpipe-state={props.run.state}
    >
      <Icon icon={stateIcon(props.run.state)} />
      <span>{stateText(props.trans, props.run.state)}</span>
    </span>
  );
}

/** What stands below a run's name. */
function Details(props: {
  id: string;
  run: IRun;
  now: number;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { run, now, trans } = props;
  const when = whenTexts(run.started_at);
  const took = tookText(run, now);
  return (
    <>
      <div id={props.id} className="jp-kernelpipe-RunRow-facts">
        <StateLabel run={run} trans={trans} />
        {!hasEnded(run.state) && <span>{progressText(trans, run)}</span>}
        {took !== '' && <span title={trans.__('Duration')}>{took}</span>}
        <time dateTime={new Date(run.started_at * 1000).toISOString()}>
          {hasEnded(run.state) && <span title={when.exact}>{when.near}</span>}
          <span className="jp-kernelpipe-Hidden">, {when.exact}</span>
        </time>
      </div>
      {run.cluster?.schedule && (
        <div className="jp-kernelpipe-RunRow-schedule">
          {trans.__("Started by schedule '%1'", run.cluster.schedule)}
        </div>
      )}
      {run.failed_step !== null && (
        <div className="jp-kernelpipe-RunRow-failed">
          {trans.__("Failed in step '%1'", run.failed_step)}
        </div>
      )}
      <Pairs label={trans.__('Parameters')} values={run.given} />
      <Pairs label={trans.__('Metrics')} values={run.metrics} isBoxed />
    </>
  );
}

/** A run with what can be done with it. */
function Row(props: {
  run: IRun;
  now: number;
  isChosen: boolean;
  actions: IRunActions;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { run, actions, trans } = props;
  const name = runName(run);
  const factsId = React.useId();
  return (
    <li
      className="jp-kernelpipe-RunRow"
      data-kernelpipe-run={run.run_id}
      data-kernelpipe-state={run.state}
    >
      <label
        className="jp-kernelpipe-RunRow-choice"
        title={trans.__('Compare')}
      >
        <input
          type="checkbox"
          checked={props.isChosen}
          aria-label={trans.__(
            'Compare run of %1, %2',
            name,
            whenTexts(run.started_at).exact
          )}
          onChange={event => actions.choose(run, event.currentTarget.checked)}
        />
      </label>
      <div className="jp-kernelpipe-RunRow-body">
        <button
          type="button"
          className="jp-kernelpipe-RunRow-open"
          title={run.path ?? run.pipeline}
          aria-describedby={factsId}
          data-command={CommandIDs.openRun}
          onClick={() => actions.open(run)}
        >
          {name}
        </button>
        <Details id={factsId} run={run} now={props.now} trans={trans} />
      </div>
      <div className="jp-kernelpipe-RunRow-actions">
        {canStop(run) && (
          <Button
            kind="icon"
            icon={stopIcon}
            label={trans.__('Stop the run of %1', name)}
            command={CommandIDs.stop}
            onClick={() => actions.stop(run)}
          />
        )}
        {canResume(run) && (
          <Button
            kind="icon"
            icon={fastForwardIcon}
            label={trans.__('Resume the run of %1', name)}
            command={CommandIDs.resume}
            onClick={() => actions.resume(run)}
          />
        )}
        {hasEnded(run.state) && (
          <Button
            kind="icon"
            icon={deleteIcon}
            label={trans.__('Delete the run of %1…', name)}
            command={CommandIDs.deleteRun}
            onClick={() => actions.remove(run)}
          />
        )}
      </div>
    </li>
  );
}

/** A run; rendered again only when it has changed or time matters. */
export const RunRow = React.memo(
  Row,
  (before, after) =>
    before.run === after.run &&
    before.isChosen === after.isChosen &&
    before.actions === after.actions &&
    Math.floor(before.now) === Math.floor(after.now)
);
