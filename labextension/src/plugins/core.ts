/**
 * The plugin that all others need: the server, the open notebooks, the runs.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import type { BackendName } from '../api';
import { Api } from '../client';
import { Runs } from '../runs';
import { NotebookSessions } from '../sessions';
import { IKernelpipe } from '../tokens';

/** What the plugins share. */
class Kernelpipe implements IKernelpipe {
  readonly backendChanged = new Signal<this, BackendName>(this);
  private _backend: BackendName = 'local';

  constructor(
    readonly api: Api,
    readonly sessions: NotebookSessions,
    readonly runs: Runs
  ) {}

  get backend(): BackendName {
    return this._backend;
  }

  set backend(name: BackendName) {
    if (name !== this._backend) {
      this._backend = name;
      this.backendChanged.emit(name);
    }
  }
}

/** The plugin. */
export const core: JupyterFrontEndPlugin<IKernelpipe> = {
  id: 'kernelpipe:core',
  description: 'Analyses open notebooks and knows the runs.',
  autoStart: true,
  provides: IKernelpipe,
  requires: [INotebookTracker],
  optional: [IDocumentManager, IStateDB, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    documents: IDocumentManager | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ): IKernelpipe => {
    const services = app.serviceManager;
    const api = new Api(services.serverSettings);
    const sessions = new NotebookSessions(tracker, documents, {
      app,
      api,
      contents: services.contents,
      state,
      trans: (translator ?? nullTranslator).load('kernelpipe')
    });
    const runs = new Runs(api, services.events, sessions);
    return new Kernelpipe(api, sessions, runs);
  }
};
