/**
 * What decides whether, when and how often a step runs, in words; and the items of a loop.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IItemRun, IStep } from './api';
import { Icon } from './buttons';
import { stateIcon } from './icons';
import { stateText } from './states';
import { durationText } from './texts';

/** Return the loop of a step as its tag writes it: "lr in rates"; "" without one. */
export function loopText({ settings }: IStep): string {
  const loop = settings['foreach'] as
    { name: string; items: string } | undefined;
  return loop ? `${loop.name} in ${loop.items}` : '';
}

/** Return the gate of a step; "" without one. */
export function gateText({ settings }: IStep): string {
  const { when } = settings;
  return typeof when === 'string' ? when : '';
}

/** Return whether a step runs when all others have ended. */
export function isExit({ settings }: IStep): boolean {
  return settings['on_exit'] === true;
}

/** Return what is special about how a step runs: short, and in full; null if nothing is. */
export function flowTexts(
  trans: TranslationBundle,
  step: IStep
): { short: string; full: string } | null {
  const gate = gateText(step);
  const loop = loopText(step);
  const short: string[] = [];
  const full: string[] = [];
  if (gate !== '') {
    short.push(trans.__('when %1', gate));
    full.push(trans.__('Runs only when %1', gate));
  }
  if (loop !== '') {
    short.push(trans.__('for %1', loop));
    full.push(trans.__('Runs once for each %1', loop));
  }
  if (isExit(step)) {
    short.push(trans.__('at the end'));
    full.push(trans.__('Runs when all other steps have ended, however'));
  }
  return short.length === 0
    ? null
    : { short: short.join(' · '), full: full.join('; ') };
}

/** The items of a step that runs once per item, with how each is. */
export function Items(props: {
  items: IItemRun[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { items, trans } = props;
  if (items.length === 0) {
    return <p className="jp-kernelpipe-Items">{trans.__('No items')}</p>;
  }
  const words = (item: IItemRun): string =>
    [
      stateText(trans, item.state),
      item.cached ? trans.__('reused') : '',
      item.duration_s === null || item.cached
        ? ''
        : durationText(item.duration_s),
      item.reason ?? ''
    ]
      .filter(part => part !== '')
      .join(' · ');
  return (
    <ol className="jp-kernelpipe-Items" aria-label={trans.__('Items')}>
      {items.map((item, index) => (
        <li key={index} data-kernelpipe-state={item.state}>
          <Icon icon={stateIcon(item.state)} />
          <code>{item.text}</code>
          <span>{words(item)}</span>
        </li>
      ))}
    </ol>
  );
}
