/**
 * What lets a component show what the server answers.
 */
import { useEffect, useState } from 'react';

import { reasonText } from '../refusals';

/** An answer, or why there is none; both are empty while it is awaited. */
interface IAnswer<T> {
  answer: T | null;
  problem: string;
}

/**
 * Ask the server.
 *
 * @param ask - Called at first and whenever it is another function.
 */
export function useAnswer<T>(ask: () => Promise<T>): IAnswer<T> {
  const [state, setState] = useState<IAnswer<T>>({ answer: null, problem: '' });
  useEffect(() => {
    let isCurrent = true;
    setState({ answer: null, problem: '' });
    ask().then(
      answer => isCurrent && setState({ answer, problem: '' }),
      (reason: unknown) => {
        const problem = reasonText(reason);
        return isCurrent && setState({ answer: null, problem });
      }
    );
    return () => {
      isCurrent = false;
    };
  }, [ask]);
  return state;
}
