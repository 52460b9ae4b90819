/**
 * Which run.
 */
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { IRunKey } from './tokens';

/** Return whether both name the same run. */
export function isSameRun(one: IRunKey, other: IRunKey): boolean {
  return one.run_id === other.run_id && one.folder === other.folder;
}

/** Return a text that is unique to a run. */
export function keyText({ folder, run_id }: IRunKey): string {
  return `${folder}\n${run_id}`;
}

/** Return the arguments of the commands that name a run. */
export function runArgs(
  { folder, run_id }: IRunKey,
  more: ReadonlyPartialJSONObject = {}
): ReadonlyPartialJSONObject {
  return { folder, run_id, ...more };
}
