/**
 * The section with the parameters of the notebook: a form for the next run.
 */
import { undoIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Button } from '../buttons';
import type { INotebookSession } from '../tokens';
import type { IField } from './drafts';
import type { ISectionProps } from './parts';
import { Empty } from './parts';

/** A field with what it belongs to. */
interface IFieldProps extends ISectionProps {
  session: INotebookSession;
  field: IField;
  /** Shows the field anew at once, as typing needs it. */
  render: () => void;
}

/** The input that fits the type. */
function Input(props: IFieldProps & { id: string }): React.JSX.Element {
  const { model, session, field, id, render } = props;
  const { parameter, text, error } = field;
  const write = (value: string): void => {
    model.drafts.write(session, parameter, value);
    model.update();
    render();
  };
  const shared = {
    id,
    disabled: field.isNone,
    'aria-invalid': error !== null,
    'aria-describedby': `${id}-about`
  };
  if (parameter.type === 'bool') {
    return (
      <input
        {...shared}
        type="checkbox"
        checked={text === 'true'}
        onChange={event => write(String(event.currentTarget.checked))}
      />
    );
  }
  const onChange = (
    event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>
  ): void => write(event.currentTarget.value);
  const isJSON = ['list', 'dict', 'any'].includes(parameter.type);
  if (isJSON || text.includes('\n')) {
    const rows = Math.min(8, text.split('\n').length);
    return (
      <textarea
        {...shared}
        className={isJSON ? 'jp-mod-code' : ''}
        rows={rows}
        spellCheck={false}
        value={text}
        onChange={onChange}
      />
    );
  }
  return parameter.type === 'str' ? (
    <input {...shared} type="text" value={text} onChange={onChange} />
  ) : (
    <input
      {...shared}
      type="number"
      step={parameter.type === 'int' ? 1 : 'any'}
      value={text}
      onChange={onChange}
    />
  );
}

/** The choice of no value at all. */
function NoneChoice(props: IFieldProps): React.JSX.Element {
  const { model, session, field, trans, render } = props;
  const { parameter, isNone } = field;
  return (
    <label className="jp-kernelpipe-PanelNone">
      <input
        type="checkbox"
        checked={isNone}
        aria-label={trans.__('%1 is None', parameter.name)}
        onChange={event => {
          if (event.currentTarget.checked) {
            model.drafts.writeNone(session, parameter);
          } else {
            const text = parameter.type === 'bool' ? 'false' : '';
            model.drafts.write(session, parameter, text);
          }
          model.update();
          render();
        }}
      />
      {trans.__('None')}
    </label>
  );
}

/** One parameter. */
function Field(props: IFieldProps): React.JSX.Element {
  const { model, session, field, trans, render } = props;
  const { parameter, isChanged, error } = field;
  const id = React.useId();
  const reset = (): void => {
    model.drafts.reset(session, parameter);
    model.update();
    render();
  };
  const standard = parameter.default;
  return (
    <div
      className="jp-kernelpipe-PanelField"
      data-kernelpipe-parameter={parameter.name}
      data-kernelpipe-changed={isChanged}
    >
      <div className="jp-kernelpipe-PanelField-head">
        <label htmlFor={id} title={parameter.name}>
          {parameter.name}
        </label>
        <span className="jp-kernelpipe-PanelField-type">{parameter.type}</span>
        {isChanged && (
          <Button
            kind="icon"
            icon={undoIcon}
            label={trans.__('Reset %1', parameter.name)}
            title={trans.__('Back to the default, %1', standard)}
            onClick={reset}
          />
        )}
      </div>
      <div className="jp-kernelpipe-PanelField-input">
        <Input {...props} id={id} />
        {parameter.nullable && <NoneChoice {...props} />}
      </div>
      <div id={`${id}-about`} className="jp-kernelpipe-PanelField-about">
        {error !== null && (
          <span className="jp-kernelpipe-PanelField-error">{error}</span>
        )}
        {isChanged && <span>{trans.__('Changed; default: %1', standard)}</span>}
      </div>
    </div>
  );
}

/** The form. */
export function Parameters(props: ISectionProps): React.JSX.Element {
  const { model, trans } = props;
  const { session } = model;
  const [, render] = React.useReducer((count: number) => count + 1, 0);
  if (!session?.analysis) {
    return <Empty text={trans.__('Parameters of the notebook appear here.')} />;
  }
  const fields = model.drafts.fields(session);
  if (fields.length === 0) {
    return (
      <Empty
        text={trans.__(
          'No parameters. Give a cell of plain assignments the role "Parameters" to set them here.'
        )}
      />
    );
  }
  const changed = fields.filter(each => each.isChanged).length;
  return (
    <form
      className="jp-kernelpipe-PanelParameters"
      aria-label={trans.__('Parameters')}
      onSubmit={event => event.preventDefault()}
    >
      {fields.map(field => (
        <Field
          {...props}
          key={`${session.path}:${field.parameter.name}`}
          session={session}
          field={field}
          render={render}
        />
      ))}
      {changed > 0 && (
        <Button
          icon={undoIcon}
          label={trans.__('Reset all (%1 changed)', changed)}
          data-kernelpipe-action="reset-parameters"
          onClick={() => {
            model.drafts.resetAll(session);
            model.update();
            render();
          }}
        />
      )}
    </form>
  );
}
