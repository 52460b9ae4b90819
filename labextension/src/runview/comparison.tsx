/**
 * What differs between two runs, as a tab in the main area.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IComparison, IRun } from '../api';
import { Button } from '../buttons';
import { useSignal } from '../hooks';
import { StateLabel } from '../history/row';
import { kernelpipeIcon } from '../icons';
import { isSameRun, runArgs } from '../keys';
import { runName, whenTexts } from '../texts';
import { CommandIDs } from '../tokens';
import type { IRunKey } from '../tokens';
import { useAnswer } from './answer';
import type { IViewNeeds } from './needs';

interface IComparisonProps {
  needs: IViewNeeds;
  before: IRunKey;
  after: IRunKey;
}

/** One of the two runs. */
function Side(props: {
  needs: IViewNeeds;
  label: string;
  of: IRunKey;
}): React.JSX.Element {
  const { needs, of } = props;
  const { kernelpipe, trans, commands } = needs;
  useSignal(kernelpipe.runs.changed);
  const run: IRun | undefined = kernelpipe.runs.list.find(each =>
    isSameRun(each, of)
  );
  return (
    <div className="jp-kernelpipe-Comparison-side">
      <dt>{props.label}</dt>
      <dd>
        <Button
          label={
            run
              ? `${runName(run)}, ${whenTexts(run.started_at).exact}`
              : of.run_id
          }
          command={CommandIDs.openRun}
          onClick={() => void commands.execute(CommandIDs.openRun, runArgs(of))}
        />
        {run && <StateLabel run={run} trans={trans} />}
      </dd>
    </div>
  );
}

/** Return what a line of a difference is; others are plain. */
function lineClass(line: string): string {
  const mark = line.trimStart()[0];
  if (mark === '+') {
    return 'jp-kernelpipe-Comparison-added';
  }
  return mark === '-' ? 'jp-kernelpipe-Comparison-removed' : '';
}

/** What differs. */
function Sections(props: { answer: IComparison }): React.JSX.Element {
  return (
    <>
      {props.answer.sections.map(section => (
        <section key={section.title}>
          <h3>{section.title}</h3>
          <div className="jp-kernelpipe-Comparison-lines">
            {section.lines.map((line, index) => (
              <div key={index} className={lineClass(line)}>
                {line === '' ? ' ' : line}
              </div>
            ))}
          </div>
        </section>
      ))}
    </>
  );
}

function Body(props: IComparisonProps): React.JSX.Element {
  const { needs, before, after } = props;
  const { kernelpipe, trans } = needs;
  const ask = React.useCallback(
    () => kernelpipe.api.compare(before, after),
    [kernelpipe, before, after]
  );
  const { answer, problem } = useAnswer<IComparison>(ask);
  return (
    <>
      <div className="jp-kernelpipe-RunView-header">
        <h2>{trans.__('Two runs compared')}</h2>
        <dl>
          <Side needs={needs} label={trans.__('Before')} of={before} />
          <Side needs={needs} label={trans.__('After')} of={after} />
        </dl>
      </div>
      <div className="jp-kernelpipe-Comparison-body">
        {problem !== '' && <p className="jp-kernelpipe-Problem">{problem}</p>}
        {answer === null && problem === '' && (
          <p className="jp-kernelpipe-Empty">{trans.__('Loading…')}</p>
        )}
        {answer?.sections.length === 0 && (
          <p className="jp-kernelpipe-Empty">{trans.__('Nothing differs.')}</p>
        )}
        {answer && <Sections answer={answer} />}
      </div>
    </>
  );
}

/** The comparison of two runs. */
export class ComparisonView extends ReactWidget {
  constructor(
    private readonly _needs: IViewNeeds,
    readonly before: IRunKey,
    readonly after: IRunKey
  ) {
    super();
    this.addClass('jp-kernelpipe-Comparison');
    this.node.tabIndex = -1;
    this.title.icon = kernelpipeIcon;
    this.title.label = _needs.trans.__('Comparison');
    this.title.caption = _needs.trans.__('Two runs compared');
  }

  protected render(): React.JSX.Element {
    return <Body needs={this._needs} before={this.before} after={this.after} />;
  }
}
