/**
 * The log of a step, live while the step runs.
 */
import * as React from 'react';

import type { ILog, IStepRun } from '../api';
import { ApiError } from '../api';
import { hasEnded } from '../states';
import type { IRunKey } from '../tokens';
import { AnsiText } from './ansi';
import type { IViewNeeds } from './needs';

/** Between two pieces, in milliseconds. */
const PAUSE_MS = 700;

/** A piece of so many characters means that there is more already. */
const BEHIND = 50_000;

/** After a failed request, in milliseconds. */
const RETRY_MS = 5000;

/** How near to the end, in pixels, a reader has to be to be taken along. */
const NEAR_END = 40;

const NOT_FOUND = 404;

/** What is known about the log so far. */
interface ILogState {
  /** Bytes that were read. */
  offset: number;
  isComplete: boolean;
  isEmpty: boolean;
  isCut: boolean;
  problem: string;
}

const BEFORE: ILogState = {
  offset: 0,
  isComplete: false,
  isEmpty: true,
  isCut: false,
  problem: ''
};

/** Return milliseconds until the next piece is asked for; null when none will come. */
function pauseAfter(piece: ILog, isOver: boolean): number | null {
  if (piece.is_complete || (isOver && piece.text === '')) {
    return null;
  }
  return isOver || piece.text.length > BEHIND ? 0 : PAUSE_MS;
}

/** Reads a log to its end, waiting while nothing new is there. */
class LogReader {
  state = BEFORE;
  private _timer = 0;
  private _turn = 0;
  private _isFollowing = true;
  private readonly _text: AnsiText;
  private readonly _scroller: HTMLElement;

  constructor(
    private readonly _needs: IViewNeeds,
    private readonly _run: IRunKey,
    private readonly _step: string,
    host: HTMLElement,
    private readonly _onChange: () => void
  ) {
    this._text = new AnsiText(host, _needs.rendermime.sanitizer);
    this._scroller = host.parentElement ?? host;
  }

  /** Show the end, unless the reader has scrolled away from it. */
  follow(): void {
    if (this._isFollowing) {
      this._scroller.scrollTop = this._scroller.scrollHeight;
    }
  }

  /** Whether the step has ended, so that waiting makes no sense. */
  isOver = false;

  start(): void {
    this.stop();
    if (!this.state.isComplete) {
      void this._read(this._turn);
    }
  }

  stop(): void {
    this._turn += 1;
    window.clearTimeout(this._timer);
  }

  /** Read on, unless somebody has stopped since. */
  private async _read(turn: number): Promise<void> {
    const { folder, run_id } = this._run;
    const { api } = this._needs.kernelpipe;
    let pause: number | null = RETRY_MS;
    try {
      const piece = await api.log(
        folder,
        run_id,
        this._step,
        this.state.offset
      );
      if (turn !== this._turn) {
        return;
      }
      this._look();
      pause = pauseAfter(piece, this.isOver);
      this._take(piece, pause === null);
    } catch (reason) {
      if (turn !== this._turn) {
        return;
      }
      this._look();
      pause = this._pauseAfterProblem(reason);
    }
    this._onChange();
    if (pause !== null) {
      this._timer = window.setTimeout(() => void this._read(turn), pause);
    }
  }

  /** See whether the reader is at the end, before there is more. */
  private _look(): void {
    const { scrollHeight, scrollTop, clientHeight } = this._scroller;
    this._isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  /** A log that is not there yet is no problem. */
  private _pauseAfterProblem(reason: unknown): number | null {
    const isAbsent = reason instanceof ApiError && reason.status === NOT_FOUND;
    const problem =
      isAbsent || !(reason instanceof Error) ? '' : reason.message;
    const isComplete = isAbsent && this.isOver;
    this.state = { ...this.state, problem, isComplete };
    return isComplete ? null : isAbsent ? PAUSE_MS : RETRY_MS;
  }

  private _take(piece: ILog, isComplete: boolean): void {
    if (piece.text !== '') {
      this._text.append(piece.text);
    }
    this.state = {
      offset: piece.next_offset,
      isComplete,
      isEmpty: this.state.isEmpty && piece.text === '',
      isCut: this._text.isCut,
      problem: ''
    };
  }
}

/** Return the reader's state; it reads while the log can be seen. */
function useReader(props: ILogProps): {
  host: React.RefObject<HTMLDivElement>;
  state: ILogState;
} {
  const { needs, run, step, isVisible } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const reader = React.useRef<LogReader | null>(null);
  const [state, setState] = React.useState(BEFORE);
  const isOver = hasEnded(step.state);
  const { folder, run_id } = run;
  const { name } = step;
  React.useEffect(() => {
    if (host.current) {
      const key = { folder, run_id };
      const made = new LogReader(needs, key, name, host.current, () =>
        setState(made.state)
      );
      reader.current = made;
    }
  }, [needs, folder, run_id, name]);
  React.useEffect(() => {
    const current = reader.current;
    if (!current || !isVisible) {
      return;
    }
    current.isOver = isOver;
    current.start();
    return () => current.stop();
  }, [isVisible, isOver]);
  React.useLayoutEffect(() => reader.current?.follow(), [state]);
  return { host, state };
}

/** What the log of a step needs. */
interface ILogProps {
  needs: IViewNeeds;
  run: IRunKey;
  step: IStepRun;
  /** Whether anybody can see it. */
  isVisible: boolean;
}

/** The log; give it a key, it does not change to another step. */
export function Log(props: ILogProps): React.JSX.Element {
  const { trans } = props.needs;
  const { host, state } = useReader(props);
  return (
    <div
      className="jp-kernelpipe-Log"
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label={trans.__("Log of step '%1'", props.step.name)}
    >
      {state.isCut && (
        <p className="jp-kernelpipe-Empty">
          {trans.__('The beginning is left out; the executed notebook has it.')}
        </p>
      )}
      <div ref={host} />
      {state.problem !== '' && (
        <p className="jp-kernelpipe-Problem">{state.problem}</p>
      )}
      {state.isEmpty && state.problem === '' && (
        <p className="jp-kernelpipe-Empty">
          {state.isComplete
            ? trans.__('This step wrote nothing.')
            : trans.__('Nothing yet.')}
        </p>
      )}
    </div>
  );
}
