/**
 * The runs of all notebooks, the newest first.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IRun, State } from '../api';
import { isSameRun, keyText, runArgs } from '../keys';
import { hasEnded, stateText } from '../states';
import type { IKernelpipe } from '../tokens';
import { CommandIDs } from '../tokens';
import { Button } from '../buttons';
import { resumeRun, stopRun } from './actions';
import { useNow, useSignal } from '../hooks';
import type { IRunActions } from './row';
import { RunRow } from './row';

/** How many rows are shown at first, and how many more at a time. */
const PAGE = 25;

/** How often, in seconds, the ages of ended runs are shown anew. */
const AGE_S = 30;

/** States by which the list can be filtered, besides what is not over. */
const ENDED: readonly State[] = ['SUCCEEDED', 'FAILED', 'CANCELED'];

type StateFilter = 'any' | 'unfinished' | State;

/** What the list is limited to. */
interface IFilter {
  /** The notebook, as a contents path; null for all. */
  path: string | null;
  state: StateFilter;
}

/** What the list of runs needs. */
interface IHistoryProps {
  kernelpipe: IKernelpipe;
  trans: TranslationBundle;
  commands: CommandRegistry;
}

function isShown(run: IRun, filter: IFilter): boolean {
  if (filter.path !== null && run.path !== filter.path) {
    return false;
  }
  if (filter.state === 'any') {
    return true;
  }
  return filter.state === 'unfinished'
    ? !hasEnded(run.state)
    : run.state === filter.state;
}

/** The two lists to choose from, and the button that compares. */
function Toolbar(props: {
  trans: TranslationBundle;
  hasNotebook: boolean;
  isOfNotebook: boolean;
  state: StateFilter;
  chosen: number;
  onScope: (isOfNotebook: boolean) => void;
  onState: (state: StateFilter) => void;
  onCompare: () => void;
}): React.JSX.Element {
  const { trans } = props;
  return (
    <div className="jp-kernelpipe-History-toolbar">
      <select
        className="jp-kernelpipe-Select"
        aria-label={trans.__('Runs of which notebooks')}
        value={props.isOfNotebook ? 'this' : 'all'}
        disabled={!props.hasNotebook}
        onChange={event => props.onScope(event.currentTarget.value === 'this')}
      >
        <option value="this">{trans.__('This notebook')}</option>
        <option value="all">{trans.__('All notebooks')}</option>
      </select>
      <select
        className="jp-kernelpipe-Select"
        aria-label={trans.__('Runs in which state')}
        value={props.state}
        onChange={event =>
          props.onState(event.currentTarget.value as StateFilter)
        }
      >
        <option value="any">{trans.__('Any state')}</option>
        <option value="unfinished">{trans.__('Not finished')}</option>
        {ENDED.map(state => (
          <option key={state} value={state}>
            {stateText(trans, state)}
          </option>
        ))}
      </select>
      {props.chosen > 0 && (
        <>
          <span role="status">{trans.__('%1 of 2 chosen', props.chosen)}</span>
          <Button
            label={trans.__('Compare')}
            command={CommandIDs.compareRuns}
            disabled={props.chosen !== 2}
            title={trans.__('Choose two runs to compare them')}
            onClick={props.onCompare}
          />
        </>
      )}
    </div>
  );
}

/** Return the buttons' functions; the same ones at every rendering. */
function useActions(
  { kernelpipe, commands }: IHistoryProps,
  setChosen: React.Dispatch<React.SetStateAction<readonly IRun[]>>
): IRunActions {
  return React.useMemo(
    () => ({
      open: run => void commands.execute(CommandIDs.openRun, runArgs(run)),
      stop: run => void stopRun(kernelpipe, run),
      resume: run => void resumeRun(kernelpipe, run),
      remove: run => void commands.execute(CommandIDs.deleteRun, runArgs(run)),
      choose: (run, isChosen) =>
        setChosen(chosen => {
          const others = chosen.filter(each => !isSameRun(each, run));
          return isChosen ? [...others, run].slice(-2) : others;
        })
    }),
    [kernelpipe, commands, setChosen]
  );
}

/** Why there is nothing to see. */
function Empty(props: IHistoryProps & { filter: IFilter }): React.JSX.Element {
  const { kernelpipe, trans, filter } = props;
  const { runs } = kernelpipe;
  let text = trans.__(
    'No runs yet. Runs of all notebooks will be listed here.'
  );
  if (!runs.isReady) {
    text = runs.problem === null ? trans.__('Loading…') : '';
  } else if (runs.list.length > 0) {
    text =
      filter.path !== null && filter.state === 'any'
        ? trans.__('This notebook has not been run as a pipeline yet.')
        : trans.__('No run is in this state.');
  }
  return <p className="jp-kernelpipe-Empty">{text}</p>;
}

/** The list of runs with what can be done with them. */
export function History(props: IHistoryProps): React.JSX.Element {
  const { kernelpipe, trans, commands } = props;
  const { runs, sessions } = kernelpipe;
  useSignal(runs.changed);
  useSignal(sessions.currentChanged);
  const [isOfNotebook, setOfNotebook] = React.useState(true);
  const [state, setState] = React.useState<StateFilter>('any');
  const [limit, setLimit] = React.useState(PAGE);
  const [chosen, setChosen] = React.useState<readonly IRun[]>([]);
  const actions = useActions(props, setChosen);

  const current = sessions.current?.path ?? null;
  const filter = { path: isOfNotebook ? current : null, state };
  const matching = runs.list.filter(run => isShown(run, filter));
  const shown = matching.slice(0, limit);
  const now = useNow(shown.some(run => !hasEnded(run.state)) ? 1 : AGE_S);
  const picked = runs.list.filter(run =>
    chosen.some(each => isSameRun(each, run))
  );
  const compare = (): void => {
    const [after, before] = picked; // the newest is first
    if (before && after) {
      void commands.execute(CommandIDs.compareRuns, {
        before_folder: before.folder,
        before: before.run_id,
        after_folder: after.folder,
        after: after.run_id
      });
    }
  };

  return (
    <div className="jp-kernelpipe-History">
      <Toolbar
        trans={trans}
        hasNotebook={current !== null}
        isOfNotebook={isOfNotebook && current !== null}
        state={state}
        chosen={picked.length}
        onScope={setOfNotebook}
        onState={setState}
        onCompare={compare}
      />
      {runs.problem !== null && (
        <p className="jp-kernelpipe-Problem">
          {trans.__('The list of runs may be old: %1', runs.problem.message)}
        </p>
      )}
      {shown.length === 0 ? (
        <Empty {...props} filter={filter} />
      ) : (
        <ul className="jp-kernelpipe-RunList" aria-label={trans.__('Runs')}>
          {shown.map(run => (
            <RunRow
              key={keyText(run)}
              run={run}
              now={hasEnded(run.state) ? now - (now % AGE_S) : now}
              isChosen={picked.includes(run)}
              actions={actions}
              trans={trans}
            />
          ))}
        </ul>
      )}
      {matching.length > shown.length && (
        <Button
          label={trans.__(
            'Show more (%1 of %2)',
            shown.length,
            matching.length
          )}
          onClick={() => setLimit(limit + PAGE)}
        />
      )}
    </div>
  );
}
