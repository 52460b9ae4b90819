/**
 * A field with its label, what it holds, and what is wrong.
 */
import * as React from 'react';

import { reasonText } from '../refusals';

/** Return why saving was refused, and what saves; "" when all is well. */
export function useSaving(): {
  error: string;
  save: (work: Promise<void>) => Promise<void>;
} {
  const [error, setError] = React.useState('');
  const save = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
      setError('');
    } catch (reason) {
      setError(reasonText(reason));
    }
  };
  return { error, save };
}

/** Several controls with one label. */
export function Group(props: {
  id: string;
  label: string;
  error: string;
  children: React.ReactNode;
}): JSX.Element {
  const { id, label, error, children } = props;
  return (
    <div
      className="jp-kernelpipe-Field jp-mod-wide"
      role="group"
      aria-labelledby={id}
    >
      <span id={id} className="jp-kernelpipe-Field-label">
        {label}
      </span>
      {children}
      <FieldError text={error} />
    </div>
  );
}

/** One button for each choice, of which one is pressed. */
export function Choices<T extends string | null>(props: {
  id: string;
  label: string;
  choices: { value: T; label: string; caption?: string }[];
  current: T;
  isDisabled: boolean;
  /** Called with the current one, too. */
  onChoose: (value: T) => Promise<void>;
}): JSX.Element {
  const { error, save } = useSaving();
  return (
    <Group id={props.id} label={props.label} error={error}>
      <div className="jp-kernelpipe-Choices">
        {props.choices.map(({ value, label, caption }) => (
          <button
            key={value ?? ''}
            type="button"
            aria-pressed={value === props.current}
            title={caption}
            disabled={props.isDisabled}
            onClick={() => void save(props.onChoose(value))}
          >
            {label}
          </button>
        ))}
      </div>
    </Group>
  );
}

/** What is wrong with a field; nothing when all is well. */
export function FieldError(props: {
  id?: string;
  text: string;
}): JSX.Element | null {
  return props.text === '' ? null : (
    <div id={props.id} className="jp-kernelpipe-Field-error" role="alert">
      {props.text}
    </div>
  );
}
