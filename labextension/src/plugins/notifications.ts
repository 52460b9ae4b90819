/**
 * Tells of runs that ended, as the settings say.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { Wanted } from '../runview/notices';
import { Notices } from '../runview/notices';
import { IKernelpipe } from '../tokens';

/** Whose settings say what is told. */
const SETTINGS = 'kernelpipe:runs';

/** The plugin. */
export const notifications: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:notifications',
  description: 'Tells when a pipeline run has ended.',
  autoStart: true,
  requires: [IKernelpipe],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const notices = new Notices(kernelpipe, app.commands, trans);
    const follow = (settings: ISettingRegistry.ISettings): void => {
      notices.wanted = settings.get('notifications').composite as Wanted;
    };
    registry
      ?.load(SETTINGS)
      .then(settings => {
        follow(settings);
        settings.changed.connect(follow);
      })
      .catch(() => undefined); // without settings everything is told
  }
};
