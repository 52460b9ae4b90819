/**
 * What lets React components follow signals and the clock.
 */
import type { ISignal } from '@lumino/signaling';
import { useEffect, useReducer, useState } from 'react';

const SECOND_MS = 1000;

/** Render again whenever a signal is emitted. */
export function useSignal(signal: ISignal<unknown, unknown>): void {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const slot = (): void => render();
    signal.connect(slot);
    return () => {
      signal.disconnect(slot);
    };
  }, [signal]);
}

/**
 * Return the seconds since the epoch, anew from time to time.
 *
 * @param every - So many seconds; 0 for a clock that stands still.
 */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now() / SECOND_MS);
  useEffect(() => {
    const tick = (): void => setNow(Date.now() / SECOND_MS);
    tick();
    const timer = every && window.setInterval(tick, every * SECOND_MS);
    return () => window.clearInterval(timer);
  }, [every]);
  return now;
}
