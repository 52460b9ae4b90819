/**
 * Fields that keep what is typed until Enter or until they are left, and say what is wrong.
 */
import * as React from 'react';

import { reasonText } from '../refusals';
import { FieldError } from './field';

/** What both kinds of fields need. */
export interface IFieldProps {
  id: string;
  label: string;
  value: string;
  placeholder?: string;
  isDisabled?: boolean;
  isWide?: boolean;

  /** Save a text; what it throws is shown at the field. */
  onCommit: (text: string) => Promise<void>;
}

/** What is typed, and what came of it. */
interface IDraft {
  text: string;
  error: string;
  setText: (text: string) => void;
  commit: (text?: string) => Promise<void>;

  /** Save when the field is left; what was refused would be refused again. */
  leave: () => void;
  revert: () => void;
}

/** Keep what is typed until it is saved; what is refused stays with the reason. */
function useDraft(
  { value, onCommit }: IFieldProps,
  savesSame: boolean
): IDraft {
  const [draft, setDraft] = React.useState<string | null>(null);
  const [error, setError] = React.useState('');
  const revert = (): void => {
    setDraft(null);
    setError('');
  };
  const commit = async (chosen?: string): Promise<void> => {
    const text = (chosen ?? draft ?? value).trim();
    if (text === value && !savesSame) {
      revert();
      return;
    }
    setDraft(text);
    try {
      await onCommit(text);
      revert();
    } catch (reason) {
      setError(reasonText(reason));
    }
  };
  const setText = (text: string): void => {
    setDraft(text);
    setError('');
  };
  const leave = (): void => {
    if (error === '') {
      void commit();
    }
  };
  return { text: draft ?? value, error, setText, commit, leave, revert };
}

/** The frame of a field: its label, what it holds, and what is wrong. */
function Frame(props: {
  id: string;
  label: string;
  error: string;
  isWide?: boolean;
  children: React.ReactNode;
}): JSX.Element {
  return (
    <div className={`jp-kernelpipe-Field ${props.isWide ? 'jp-mod-wide' : ''}`}>
      <label htmlFor={props.id}>{props.label}</label>
      {props.children}
      <FieldError id={`${props.id}-error`} text={props.error} />
    </div>
  );
}

/** A line of text. */
export function TextField(props: IFieldProps): JSX.Element {
  const { text, error, setText, commit, leave, revert } = useDraft(
    props,
    false
  );
  return (
    <Frame
      id={props.id}
      label={props.label}
      error={error}
      isWide={props.isWide === true || error !== ''}
    >
      <input
        id={props.id}
        className="jp-mod-styled"
        type="text"
        spellCheck={false}
        value={text}
        placeholder={props.placeholder}
        disabled={props.isDisabled}
        aria-invalid={error !== ''}
        aria-describedby={error === '' ? undefined : `${props.id}-error`}
        onChange={event => setText(event.target.value)}
        onBlur={leave}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            void commit();
          } else if (event.key === 'Escape') {
            revert();
          }
        }}
      />
    </Frame>
  );
}

/** What a field with suggestions needs further. */
interface IComboProps extends IFieldProps {
  options: readonly string[];

  /** Whether leaving the field saves, too. */
  savesOnBlur: boolean;

  /** Called on Escape, which takes back what was typed otherwise. */
  onEscape?: () => void;

  /** Whether it begins with the focus and with its suggestions shown. */
  isOpened?: boolean;
}

/** A line of text with suggestions: arrow keys choose one, typing narrows them. */
export function Combo(props: IComboProps): JSX.Element {
  const { id, value } = props;
  const { text, error, setText, commit, leave, revert } = useDraft(
    props,
    !props.savesOnBlur
  );
  const [isOpen, setOpen] = React.useState(props.isOpened === true);
  const [active, setActive] = React.useState(-1);
  const typed = text !== value ? text.trim().toLowerCase() : '';
  const options = props.options.filter(option =>
    option.toLowerCase().includes(typed)
  );
  const isShown = isOpen && options.length > 0;
  const close = (): void => {
    setOpen(false);
    setActive(-1);
  };
  const choose = (option?: string): void => {
    close();
    void commit(option);
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const by = event.key === 'ArrowDown' ? 1 : -1;
      const count = options.length;
      setOpen(true);
      setActive(
        active < 0 && by < 0 ? count - 1 : (active + by + count) % count
      );
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(isShown ? options[active] : undefined);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      if (props.onEscape) {
        props.onEscape();
      } else if (isShown) {
        close();
      } else {
        revert();
      }
    }
  };
  return (
    <Frame id={id} label={props.label} error={error}>
      <div className="jp-kernelpipe-Combo">
        <input
          id={id}
          className="jp-mod-styled"
          type="text"
          role="combobox"
          autoComplete="off"
          spellCheck={false}
          autoFocus={props.isOpened}
          value={text}
          placeholder={props.placeholder}
          disabled={props.isDisabled}
          aria-expanded={isShown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={
            isShown && active >= 0 ? `${id}-${active}` : undefined
          }
          aria-invalid={error !== ''}
          aria-describedby={error === '' ? undefined : `${id}-error`}
          onChange={event => {
            setText(event.target.value);
            setOpen(true);
            setActive(-1);
          }}
          onClick={() => setOpen(true)}
          onBlur={() => {
            close();
            if (props.savesOnBlur) {
              leave();
            }
          }}
          onKeyDown={onKeyDown}
        />
        <ul
          id={`${id}-list`}
          role="listbox"
          aria-label={props.label}
          hidden={!isShown}
        >
          {options.map((option, index) => (
            <li
              key={option}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === active}
              onMouseDown={event => {
                event.preventDefault();
                choose(option);
              }}
            >
              {option}
            </li>
          ))}
        </ul>
      </div>
    </Frame>
  );
}
