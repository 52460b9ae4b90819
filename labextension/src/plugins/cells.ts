/**
 * Marks the cells of open notebooks with their steps, states and diagnostics.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CellDecorator } from '../cells/decorator';
import type { INotebookSession } from '../tokens';
import { IKernelpipe } from '../tokens';

/** Whose settings say whether cells are marked, and by which key. */
const SETTINGS = { plugin: 'kernelpipe:panel', key: 'markCells' };

/** The plugin. */
export const cells: JupyterFrontEndPlugin<void> = {
  id: 'kernelpipe:cells',
  description: 'Marks cells with their steps, states and diagnostics.',
  autoStart: true,
  requires: [IKernelpipe],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    kernelpipe: IKernelpipe,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('kernelpipe');
    const decorators = new Set<CellDecorator>();
    let isEnabled = true;

    const add = (session: INotebookSession): void => {
      const decorator = new CellDecorator(session, kernelpipe, trans);
      decorator.isEnabled = isEnabled;
      decorators.add(decorator);
      session.disposed.connect(() => {
        decorators.delete(decorator);
      });
    };
    kernelpipe.sessions.all().forEach(add);
    kernelpipe.sessions.added.connect((_, session) => add(session));

    const read = (settings: ISettingRegistry.ISettings): void => {
      isEnabled = settings.get(SETTINGS.key).composite !== false;
      for (const decorator of decorators) {
        decorator.isEnabled = isEnabled;
      }
    };
    void registry?.load(SETTINGS.plugin).then(
      settings => {
        read(settings);
        settings.changed.connect(read);
      },
      () => undefined // without the panel there is no setting, and cells are marked
    );
  }
};
