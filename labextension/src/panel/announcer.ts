/**
 * Tells screen readers how a run goes, without telling all.
 */
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';

import type { State } from '../api';
import { keyText } from '../keys';
import { hasEnded, stateText } from '../states';
import { durationText } from '../texts';
import type { PanelModel } from './model';

/** Milliseconds for which news are gathered. */
const GATHERED_MS = 1500;

/** Notes which steps of the shown run change their state. */
export class Announcer implements IDisposable {
  /** What to say. */
  text = '';

  private readonly _debouncer = new Debouncer<void>(
    () => this._say(),
    GATHERED_MS
  );
  private _run = '';
  private _states = new Map<string, State>();
  private _runState: State | null = null;
  private _news = new Map<string, State>();
  private _end = '';

  constructor(private readonly _model: PanelModel) {
    _model.changed.connect(this._onChanged, this);
  }

  get isDisposed(): boolean {
    return this._debouncer.isDisposed;
  }

  dispose(): void {
    this._model.changed.disconnect(this._onChanged, this);
    this._debouncer.dispose();
  }

  private _onChanged(): void {
    const { run, detail } = this._model;
    const steps = detail?.steps ?? [];
    const states = new Map(steps.map(each => [each.name, each.state]));
    const key = run ? keyText(run) : '';
    if (key === this._run && run) {
      this._compare(states);
      if (this._runState !== run.state && hasEnded(run.state)) {
        const { trans } = this._model;
        const text = stateText(trans, run.state);
        this._end =
          run.duration_s === null
            ? trans.__('Run: %1.', text)
            : trans.__('Run: %1 after %2.', text, durationText(run.duration_s));
        this._sayLater();
      }
    } else {
      this._news.clear();
      this._end = '';
    }
    this._run = key;
    this._runState = run?.state ?? null;
    this._states = states;
  }

  /** Note steps that have ended since. */
  private _compare(states: Map<string, State>): void {
    for (const [step, state] of states) {
      const before = this._states.get(step);
      if (before !== undefined && before !== state && hasEnded(state)) {
        this._news.set(step, state);
        this._sayLater();
      }
    }
  }

  private _sayLater(): void {
    this._debouncer.invoke().catch(() => undefined); // superseded by what comes next
  }

  private _say(): void {
    const { trans } = this._model;
    const steps = [...this._news].map(
      ([step, state]) => `${step}: ${stateText(trans, state)}.`
    );
    this.text = [...steps, this._end].join(' ').trim();
    this._news.clear();
    this._end = '';
    this._model.update();
  }
}
