/**
 * Why a step failed, with its traceback and the way to the cell.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IFailure, IRun, IStepError, IStepRun } from '../api';
import { Button } from '../buttons';
import { complain } from '../refusals';
import type { IKernelpipe } from '../tokens';
import { AnsiText } from './ansi';
import { useAnswer } from './answer';
import type { IViewNeeds } from './needs';

/** Open the source notebook at the cell and line of an error. */
export async function goToError(
  kernelpipe: IKernelpipe,
  path: string,
  error: IStepError
): Promise<void> {
  try {
    const session = await kernelpipe.sessions.open(path);
    const cell = { id: error.cell_id, index: error.cell };
    await session.reveal(cell, error.line);
  } catch (reason) {
    complain(reason);
  }
}

/** Return where an error happened: "Cell 7, line 3". */
function whereText(trans: TranslationBundle, error: IStepError): string {
  if (error.cell === null) {
    return '';
  }
  return error.line === null
    ? trans.__('Cell %1', error.cell)
    : trans.__('Cell %1, line %2', error.cell, error.line);
}

/** A traceback as the notebook holds it. */
function Traceback(props: {
  needs: IViewNeeds;
  failure: IFailure;
}): React.JSX.Element {
  const { needs, failure } = props;
  const { sanitizer } = needs.rendermime;
  const host = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    if (host.current) {
      const text = new AnsiText(host.current, sanitizer);
      text.append(failure.traceback.join('\n'));
    }
  }, [failure, sanitizer]);
  return (
    <div
      className="jp-kernelpipe-Traceback"
      tabIndex={0}
      role="group"
      aria-label={needs.trans.__('Traceback')}
    >
      <div ref={host} data-mime-type="application/vnd.jupyter.stderr" />
    </div>
  );
}

/** The error of a step. */
export function Failure(props: {
  needs: IViewNeeds;
  run: IRun;
  step: IStepRun;
  error: IStepError;
}): React.JSX.Element {
  const { needs, run, step, error } = props;
  const { kernelpipe, trans } = needs;
  const { path, folder, run_id } = run;
  const ask = React.useCallback(
    () => kernelpipe.api.failure(folder, run_id, step.name),
    [kernelpipe, folder, run_id, step.name]
  );
  const { answer, problem } = useAnswer<IFailure>(ask);
  return (
    <div className="jp-kernelpipe-RunFailure">
      <div className="jp-kernelpipe-RunFailure-head">
        <p>
          <strong>{error.ename}</strong>
          {error.evalue !== '' && `: ${error.evalue}`}
        </p>
        <p className="jp-kernelpipe-RunFailure-where">
          {whereText(trans, error)}{' '}
          {path !== null && error.cell !== null && (
            <Button
              label={trans.__('Go to cell')}
              command="kernelpipe:go-to-cell"
              onClick={() => void goToError(kernelpipe, path, error)}
            />
          )}
        </p>
      </div>
      {problem !== '' && <p className="jp-kernelpipe-Problem">{problem}</p>}
      {answer !== null && answer.traceback.length > 0 && (
        <Traceback needs={needs} failure={answer} />
      )}
    </div>
  );
}
