/**
 * What can be done with a run, with refusals told to the user.
 */
import type { IRun } from '../api';
import { complain } from '../refusals';
import type { IKernelpipe, IRunKey } from '../tokens';

/** Ask a run to stop. */
export async function stopRun(
  kernelpipe: IKernelpipe,
  key: IRunKey
): Promise<void> {
  try {
    await kernelpipe.runs.stop(key);
  } catch (reason) {
    complain(reason);
  }
}

/** Continue a run; null when that was refused. */
export async function resumeRun(
  kernelpipe: IKernelpipe,
  run: IRun
): Promise<IRun | null> {
  try {
    return await kernelpipe.runs.resume(run);
  } catch (reason) {
    complain(reason);
    return null;
  }
}
