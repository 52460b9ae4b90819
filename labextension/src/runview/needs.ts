/**
 * What the views of a run are given.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { IKernelpipe } from '../tokens';

/** What all views of runs need. */
export interface IViewNeeds {
  readonly kernelpipe: IKernelpipe;
  readonly commands: CommandRegistry;
  readonly rendermime: IRenderMimeRegistry;
  readonly trans: TranslationBundle;
}
