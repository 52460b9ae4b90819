/**
 * What is sent to the server and what it says besides documents, as text.
 */
import type { IRunRequest, IScheduleRequest } from './api';

/** Return a request as JSON; values of parameters would lose digits as numbers of JavaScript. */
export function requestText({
  parameters,
  ...rest
}: IRunRequest | IScheduleRequest): string {
  const values = Object.entries(parameters).map(
    ([name, json]) => `${JSON.stringify(name)}:${json}`
  );
  return `{"parameters":{${values.join()}},${JSON.stringify(rest).slice(1)}`;
}

/** Return the status in words; HTTP/2 has none. */
export function statusText({ status, statusText: text }: Response): string {
  return text || `HTTP ${status}`;
}
