/**
 * What is said of a run as a whole, and what can be done with it.
 */
import type { PartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import type { IRunDetail } from '../api';
import { resumeRun, stopRun } from '../history/actions';
import { Pairs, StateLabel } from '../history/row';
import { Button } from '../buttons';
import { runArgs } from '../keys';
import { complain } from '../refusals';
import { canResume, canStop, hasEnded, isKept } from '../states';
import { progressText, tookText, whenTexts } from '../texts';
import { CommandIDs } from '../tokens';
import type { IViewNeeds } from './needs';

interface IHeaderProps {
  needs: IViewNeeds;
  run: IRunDetail;
  now: number;
}

/** What can be done with a run. */
function Actions({ needs, run }: IHeaderProps): React.JSX.Element {
  const { kernelpipe, trans, commands } = needs;
  const { path } = run;
  const openExecuted = (): void =>
    void commands.execute(CommandIDs.openRunNotebook, runArgs(run));
  const goToNotebook = async (): Promise<boolean> => {
    try {
      await kernelpipe.sessions.open(path ?? '');
      return true;
    } catch (reason) {
      complain(reason);
      return false;
    }
  };
  const showGraph = async (): Promise<void> => {
    if (await goToNotebook()) {
      await commands.execute(CommandIDs.showGraph); // of the current notebook
    }
  };
  const resume = async (): Promise<void> => {
    const next = await resumeRun(kernelpipe, run);
    if (next !== null) {
      await commands.execute(CommandIDs.openRun, runArgs(next));
    }
  };
  return (
    <div className="jp-kernelpipe-RunView-actions">
      {canStop(run) && (
        <Button
          label={trans.__('Stop')}
          command={CommandIDs.stop}
          onClick={() => void stopRun(kernelpipe, run)}
        />
      )}
      {canResume(run) && (
        <Button
          label={trans.__('Resume')}
          command={CommandIDs.resume}
          onClick={() => void resume()}
        />
      )}
      {path !== null && (
        <Button
          label={trans.__('Go to notebook')}
          onClick={() => void goToNotebook()}
        />
      )}
      {hasEnded(run.state) && (
        <>
          {isKept(run) && (
            <Button
              label={trans.__('Executed notebook')}
              command={CommandIDs.openRunNotebook}
              onClick={openExecuted}
            />
          )}
          <a
            className="jp-kernelpipe-Button"
            href={kernelpipe.api.reportUrl(run.folder, run.run_id)}
            download={`${run.pipeline}-${run.run_id}.html`}
          >
            {trans.__('Download report')}
          </a>
        </>
      )}
      {path !== null && commands.hasCommand(CommandIDs.showGraph) && (
        <Button
          label={trans.__('Graph')}
          command={CommandIDs.showGraph}
          onClick={() => void showGraph()}
        />
      )}
    </div>
  );
}

/** Parameters and metrics, where there are any. */
function Figures({ needs, run }: IHeaderProps): React.JSX.Element | null {
  const { trans } = needs;
  const lists: [string, PartialJSONObject][] = [
    [trans.__('Parameters'), run.parameters],
    [trans.__('Metrics'), run.metrics]
  ];
  const filled = lists.filter(([, values]) => Object.keys(values).length > 0);
  if (filled.length === 0) {
    return null;
  }
  return (
    <dl className="jp-kernelpipe-RunView-figures">
      {filled.map(([label, values]) => (
        <React.Fragment key={label}>
          <dt>{label}</dt>
          <dd>
            <Pairs
              label={label}
              values={values}
              marked={values === run.parameters ? run.given : undefined}
            />
          </dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

/** The header. */
export function Header(props: IHeaderProps): React.JSX.Element {
  const { run, now } = props;
  const { trans } = props.needs;
  const when = whenTexts(run.started_at);
  const took = tookText(run, now);
  return (
    <div className="jp-kernelpipe-RunView-header">
      <div className="jp-kernelpipe-RunView-top">
        <div>
          <h2>{run.pipeline}</h2>
          <div className="jp-kernelpipe-RunView-facts">
            <span role="status">
              <StateLabel run={run} trans={trans} />
            </span>
            <span>{progressText(trans, run)}</span>
            {took !== '' && <span>{took}</span>}
            <span>{trans.__('started %1', when.exact)}</span>
            {run.backend === 'kfp' && <span>{trans.__('on Kubeflow')}</span>}
          </div>
        </div>
        <Actions {...props} />
      </div>
      {run.reason !== null && (
        <p className="jp-kernelpipe-RunView-reason">{run.reason}</p>
      )}
      <Figures {...props} />
      {run.messages.length > 0 && (
        <details className="jp-kernelpipe-RunView-messages">
          <summary>
            {trans._n('%1 message', '%1 messages', run.messages.length)}
          </summary>
          <ul>
            {run.messages.map((message, index) => (
              <li key={index}>{message}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
