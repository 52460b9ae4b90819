/**
 * A small box that asks for a step's name beside what it is asked for.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { INotebookSession } from '../tokens';
import { Combo } from './combo';

/** Pixels between the box and the edges of the window. */
const MARGIN = 8;

/** What to ask. */
interface IQuestion {
  /** What the box is placed below. */
  anchor: Element;
  label: string;
  value: string;
  options: readonly string[];

  /** What the answer will do, in a sentence. */
  hint: string;

  /** Use an answer; what it throws is shown, and the box stays. */
  onAnswer: (name: string) => Promise<void>;

  /** Called once the box has gone. */
  onClosed: () => void;
}

/** Ask for another name of a step, beside an element. */
export function askNewName(
  session: INotebookSession,
  step: string,
  trans: TranslationBundle,
  place: { anchor: Element; onClosed: () => void }
): void {
  NamePopover.ask({
    ...place,
    label: trans.__('New name of step %1', step),
    value: step,
    options: [],
    hint: trans.__('Steps that start after it are kept in agreement.'),
    onAnswer: to => session.edit({ kind: 'rename', step, to })
  });
}

/** The box. */
export class NamePopover extends ReactWidget {
  /** Show the box; one that is open already goes. */
  static ask(question: IQuestion): void {
    NamePopover._open?.dispose();
    const box = new NamePopover(question);
    NamePopover._open = box;
    Widget.attach(box, document.body);
  }

  private static _open: NamePopover | null = null;

  constructor(private readonly _question: IQuestion) {
    super();
    this.addClass('jp-kernelpipe-Popover');
    this.node.setAttribute('role', 'dialog');
    this.node.setAttribute('aria-label', _question.label);
  }

  /** Take the box away and give the focus back. */
  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    document.removeEventListener('pointerdown', this, true);
    NamePopover._open = null;
    super.dispose();
    this._question.onClosed();
  }

  /** Close when something outside is pressed. */
  handleEvent(event: Event): void {
    if (!this.node.contains(event.target as Node)) {
      this.dispose();
    }
  }

  protected render(): JSX.Element {
    const { label, value, options, hint, onAnswer } = this._question;
    return (
      <>
        <Combo
          id="jp-kernelpipe-popover-name"
          label={label}
          value={value}
          options={options}
          savesOnBlur={false}
          isOpened={true}
          onEscape={() => this.dispose()}
          onCommit={async name => {
            await onAnswer(name);
            this.dispose();
          }}
        />
        <p>{hint}</p>
      </>
    );
  }

  protected onAfterAttach(): void {
    this.update();
    document.addEventListener('pointerdown', this, true);
    const { left, bottom, top } = this._question.anchor.getBoundingClientRect();
    const width = this.node.offsetWidth;
    const most = window.innerWidth - width - MARGIN;
    const isBelow = bottom < window.innerHeight * 0.6;
    this.node.style.left = `${Math.max(MARGIN, Math.min(left, most))}px`;
    if (isBelow) {
      this.node.style.top = `${Math.max(bottom + 4, MARGIN)}px`;
    } else {
      this.node.style.bottom = `${Math.max(window.innerHeight - top + 4, MARGIN)}px`;
    }
  }
}
