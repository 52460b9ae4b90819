/**
 * The settings of a step as fields.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IStep } from '../api';
import { isExit, loopText } from '../flow';
import type { INotebookSession } from '../tokens';
import { TextField } from './combo';
import { Choices } from './field';
import { headOf } from './selection';
import { secondsText } from './words';

interface IProps {
  session: INotebookSession;
  step: IStep;
  trans: TranslationBundle;
  isDisabled: boolean;
}

/** Settings whose values are long. */
const WIDE = new Set(['image', 'when', 'foreach']);

/** A setting: the name of its tag, its label, and how its value is written. */
interface ISetting {
  name: string;
  label: string;
  example: string;
  value: string;
}

/** Return the settings with their values, as tags write them. */
function settings({ step, trans }: IProps): ISetting[] {
  const set = step.settings;
  const text = (name: string): string => {
    const value = set[name];
    return typeof value === 'string' || typeof value === 'number'
      ? String(value)
      : '';
  };
  const timeout = set['timeout_s'];
  return [
    {
      name: 'cpu',
      label: trans.__('CPUs'),
      example: '2',
      value: text('cpu')
    },
    {
      name: 'memory',
      label: trans.__('Memory'),
      example: '4Gi',
      value: text('memory')
    },
    {
      name: 'gpu',
      label: trans.__('GPUs'),
      example: '1',
      value: text('gpu')
    },
    {
      name: 'retry',
      label: trans.__('Retries'),
      example: '2',
      value: text('retry')
    },
    {
      name: 'timeout',
      label: trans.__('Timeout'),
      example: '10m',
      value: typeof timeout === 'number' ? secondsText(timeout) : ''
    },
    {
      name: 'image',
      label: trans.__('Image'),
      example: 'python:3.12',
      value: text('image')
    },
    {
      name: 'when',
      label: trans.__('Condition'),
      example: 'accuracy > 0.9',
      value: text('when')
    },
    {
      name: 'foreach',
      label: trans.__('Once for each'),
      example: 'lr in rates',
      value: loopText(step)
    }
  ];
}

/** The fields. */
export function StepSettings(props: IProps): JSX.Element {
  const { session, step, trans, isDisabled } = props;
  const save = (name: string, value: string): Promise<void> =>
    session.edit({
      kind: 'setting',
      ids: headOf(session, step),
      name,
      value: value === '' ? null : value
    });
  // Not said is another answer than on.
  const { cache: isCached } = step.settings;
  const cache = isCached === true ? 'on' : isCached === false ? 'off' : '';
  const atEnd = isExit(step) ? 'on' : '';
  return (
    <div className="jp-kernelpipe-Settings">
      {settings(props).map(({ name, example, ...shown }) => (
        <TextField
          key={name}
          id={`jp-kernelpipe-setting-${name}`}
          {...shown}
          placeholder={trans.__('e.g. %1', example)}
          isWide={WIDE.has(name)}
          isDisabled={isDisabled}
          onCommit={value => save(name, value)}
        />
      ))}
      <Choices
        id="jp-kernelpipe-cache"
        label={trans.__('Cache')}
        choices={[
          { value: '', label: trans.__('Not set') },
          { value: 'on', label: trans.__('On') },
          { value: 'off', label: trans.__('Off') }
        ]}
        current={cache}
        isDisabled={isDisabled}
        onChoose={async value => {
          if (value !== cache) {
            await save('cache', value);
          }
        }}
      />
      <Choices
        id="jp-kernelpipe-on-exit"
        label={trans.__('Runs')}
        choices={[
          { value: '', label: trans.__('In its turn') },
          {
            value: 'on',
            label: trans.__('At the end'),
            caption: trans.__('When all other steps have ended, however')
          }
        ]}
        current={atEnd}
        isDisabled={isDisabled}
        onChoose={async value => {
          if (value !== atEnd) {
            await save('on-exit', value);
          }
        }}
      />
    </div>
  );
}
