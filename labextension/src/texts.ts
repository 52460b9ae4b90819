/**
 * What is said of runs, steps and findings, in words.
 */
import { PathExt, Time } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { PartialJSONValue } from '@lumino/coreutils';

import type { IDiagnostic, IPlace, IRun, State } from './api';
import { hasEnded } from './states';

/** The longest text of a value in a list. */
const MOST_CHARACTERS = 40;

/** Significant digits of a metric. */
const DIGITS = 5;

/** Below this many seconds durations have tenths, which a running clock does not need. */
const TENTHS_BELOW = 10;

const MS = 1000;

/** Return what a run is called: its notebook, or its pipeline if that is out of reach. */
export function runName(run: IRun): string {
  return run.path === null ? run.pipeline : PathExt.basename(run.path);
}

/** Return when, in words ("3 minutes ago"), and exactly. */
export function whenTexts(seconds: number): { near: string; exact: string } {
  const date = new Date(seconds * MS);
  return { near: Time.formatHuman(date), exact: date.toLocaleString() };
}

/**
 * Return how long a run or step took, or takes so far; "" while that is unknown.
 *
 * @param now - Seconds since the epoch.
 */
export function tookText(
  run: { state: State; started_at: number | null; duration_s: number | null },
  now: number
): string {
  if (run.duration_s !== null && hasEnded(run.state)) {
    return durationText(run.duration_s);
  }
  if (
    run.started_at === null ||
    run.state === 'PENDING' ||
    hasEnded(run.state)
  ) {
    return '';
  }
  const seconds = Math.max(0, Math.floor(now - run.started_at));
  return seconds < TENTHS_BELOW ? `${seconds} s` : durationText(seconds);
}

/** Return a parameter's or metric's value as a short text. */
export function valueText(value: PartialJSONValue | undefined): string {
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? String(value)
      : String(Number(value.toPrecision(DIGITS)));
  }
  const text =
    typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return text.length > MOST_CHARACTERS
    ? `${text.slice(0, MOST_CHARACTERS - 1)}…`
    : text;
}

/** Return how far a run is: "2 of 5 steps". */
export function progressText(trans: TranslationBundle, run: IRun): string {
  return trans._n(
    '%2 of %1 step',
    '%2 of %1 steps',
    run.steps_total,
    run.steps_done
  );
}

/** Return a duration in the user's words: "0.4 s", "12 s", "3 min 5 s", "2 h 4 min". */
export function durationText(seconds: number): string {
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Return a size in the user's words: "512 B", "3.4 KB", "1.2 GB". */
export function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Return the word for a severity. */
export function severityText(
  trans: TranslationBundle,
  { severity }: IDiagnostic
): string {
  switch (severity) {
    case 'error':
      return trans.__('Error');
    case 'warning':
      return trans.__('Warning');
    case 'info':
      return trans.__('Note');
  }
}

/** Return where a finding is. */
export function placeText(
  trans: TranslationBundle,
  { cell, line }: IPlace
): string {
  if (cell === null) {
    return trans.__('whole notebook');
  }
  return line === null
    ? trans.__('cell %1', cell)
    : trans.__('cell %1, line %2', cell, line);
}
