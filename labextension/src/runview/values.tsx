/**
 * What a step handed on.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IRun, IStepRun, IValuePreview } from '../api';
import { sizeText } from '../texts';
import { useAnswer } from './answer';
import type { IViewNeeds } from './needs';

/** The first rows of a table. */
function PreviewTable(props: {
  name: string;
  table: NonNullable<IValuePreview['table']>;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { columns, rows, shape } = props.table;
  return (
    <div
      className="jp-kernelpipe-Value-table"
      tabIndex={0}
      role="group"
      aria-label={props.trans.__('First rows of %1', props.name)}
    >
      <table>
        <caption>{shape}</caption>
        <thead>
          <tr>
            {columns.map((column, index) =>
              column === '' ? (
                <td key={index} />
              ) : (
                <th key={index} scope="col">
                  {column}
                </th>
              )
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((text, column) => (
                <td key={column}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One value. */
function Value(props: {
  value: IValuePreview;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { value, trans } = props;
  return (
    <li className="jp-kernelpipe-Value">
      <div className="jp-kernelpipe-Value-head">
        <strong>{value.name}</strong>
        <code>{value.type}</code>
        {value.bytes !== null && <span>{sizeText(value.bytes)}</span>}
      </div>
      {value.text !== null && <pre>{value.text}</pre>}
      {value.note !== undefined && value.note !== null && (
        <p className="jp-kernelpipe-Empty">{value.note}</p>
      )}
      {value.table !== null && (
        <PreviewTable name={value.name} table={value.table} trans={trans} />
      )}
    </li>
  );
}

/** The values of a step with previews. */
export function Values(props: {
  needs: IViewNeeds;
  run: IRun;
  step: IStepRun;
}): React.JSX.Element {
  const { folder, run_id } = props.run;
  const { kernelpipe, trans } = props.needs;
  const { name } = props.step;
  const ask = React.useCallback(
    () => kernelpipe.api.values(folder, run_id, name),
    [kernelpipe, folder, run_id, name]
  );
  const { answer, problem } = useAnswer<IValuePreview[]>(ask);
  if (problem !== '') {
    return <p className="jp-kernelpipe-Problem">{problem}</p>;
  }
  if (answer === null) {
    return <p className="jp-kernelpipe-Empty">{trans.__('Loading…')}</p>;
  }
  if (answer.length === 0) {
    return (
      <p className="jp-kernelpipe-Empty">
        {trans.__('This step handed nothing on.')}
      </p>
    );
  }
  return (
    <ul className="jp-kernelpipe-Values" aria-label={trans.__('Values')}>
      {answer.map(value => (
        <Value key={value.name} value={value} trans={trans} />
      ))}
    </ul>
  );
}
