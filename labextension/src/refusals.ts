/**
 * What the user is told when something was refused or went wrong.
 */
import { Notification } from '@jupyterlab/apputils';

import { ApiError } from './api';

/** Milliseconds for which a refusal is on top of everything. */
const SHOWN_MS = 8000;

/** Return why something failed, in one line. */
export function reasonText(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : String(reason);
  return text.replace(/\n\s*hint: /g, ' – ');
}

/** Return a failed request as such, whatever was thrown. */
export function asApiError(reason: unknown): ApiError {
  return reason instanceof ApiError
    ? reason
    : new ApiError(String(reason), 0, '', []);
}

/** Tell the user that what they asked for was refused; it is not in the way. */
export function complain(
  reason: unknown,
  actions: Notification.IAction[] = []
): void {
  Notification.error(reasonText(reason), { autoClose: SHOWN_MS, actions });
}
