/**
 * How states are shown: an icon and a word, never a colour alone.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { BackendName, State } from './api';

/** Return whether nothing more will happen. */
export function hasEnded(state: State): boolean {
  return !['PENDING', 'RUNNING', 'CANCELING'].includes(state);
}

/** Return the word for a state. */
export function stateText(trans: TranslationBundle, state: State): string {
  switch (state) {
    case 'PENDING':
      return trans.__('Waiting');
    case 'RUNNING':
      return trans.__('Running');
    case 'SUCCEEDED':
      return trans.__('Succeeded');
    case 'SKIPPED':
      return trans.__('Skipped');
    case 'FAILED':
      return trans.__('Failed');
    case 'CANCELING':
      return trans.__('Stopping');
    case 'CANCELED':
      return trans.__('Stopped');
  }
}

/** Return whether a run can be asked to stop. */
export function canStop({ state }: { state: State }): boolean {
  return state === 'RUNNING' || state === 'PENDING';
}

/** Return whether executed notebooks and values of a run are here; clusters keep theirs. */
export function isKept({ backend }: { backend: BackendName }): boolean {
  return backend === 'local';
}

/** Return whether a run can be continued; a cluster continues none. */
export function canResume({
  state,
  backend
}: {
  state: State;
  backend: BackendName;
}): boolean {
  return backend === 'local' && (state === 'FAILED' || state === 'CANCELED');
}
