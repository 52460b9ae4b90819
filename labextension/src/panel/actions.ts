/**
 * What the buttons and commands do; what goes wrong is said in the panel.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type {
  ICompiled,
  IDiagnostic,
  IPlace,
  IRunRequest,
  IStepRun
} from '../api';
import { ApiError, UNREACHED } from '../api';
import { download } from '../downloads';
import { asApiError, complain, reasonText } from '../refusals';
import type { INotebookSession } from '../tokens';
import type { Busy, PanelModel } from './model';
import { isError } from './model';

/** Milliseconds that a notification stays. */
const SHOWN_MS = 6000;

/** The sections of the panel. */
export type Section = 'steps' | 'diagnostics' | 'parameters' | 'runs';

/** The panel as the actions see it. */
export interface IStage {
  /** Whether the user can see the panel. */
  readonly isVisible: boolean;

  /** Bring the panel to the front, and open a section of it. */
  open(section: Section | null): void;

  /** Give the keyboard what stands first in a section. */
  focus(section: Section): void;

  /** Give the keyboard the field of a parameter. */
  focusParameter(name: string): void;
}

/** Return why something was not done, in the user's words. */
function refusalText(trans: TranslationBundle, reason: unknown): string {
  if (reason instanceof Error && reason.name === 'ModalCancelError') {
    // Asked about a file that others have changed, the user chose not to save.
    return trans.__('Nothing was started: the notebook was not saved.');
  }
  return reason instanceof ApiError && reason.type === UNREACHED
    ? trans.__('The server does not answer.')
    : reasonText(reason);
}

/** A part of the pipeline to run. */
type RunOptions = Pick<
  IRunRequest,
  'only' | 'start_from' | 'until' | 'use_cache'
>;

/** What the user can do with the current notebook. */
export class Actions {
  /** How many steps run at the same time; null lets the server choose. */
  jobs: number | null = null;

  constructor(
    private readonly _model: PanelModel,
    private readonly _stage: IStage,
    private readonly _commands: CommandRegistry
  ) {}

  /** Start a run, unless something is known to be in its way. */
  run(options: RunOptions = {}): Promise<void> {
    return this._do('run', async session => {
      if (await this._isReady(session)) {
        const { backend, runs } = this._model.kernelpipe;
        this._model.hidePlan();
        await runs.start(session, { ...options, backend, jobs: this.jobs });
        this._show('steps');
      }
    });
  }

  /** Stop the latest run. */
  stop(): Promise<void> {
    const { run } = this._model;
    return this._do('stop', async () => {
      if (run) {
        await this._model.kernelpipe.runs.stop(run);
      }
    });
  }

  /** Continue the latest run. */
  resume(): Promise<void> {
    const { run } = this._model;
    return this._do('resume', async session => {
      if (run && (await this._isReady(session))) {
        this._model.hidePlan();
        await this._model.kernelpipe.runs.resume(run);
        this._show('steps');
      }
    });
  }

  /** Find out what a run would do. */
  plan(): Promise<void> {
    return this._do('plan', async session => {
      if (await this._isReady(session)) {
        const { api } = this._model.kernelpipe;
        const plan = await api.plan({
          path: session.path,
          notebook: session.content(),
          parameters: session.given()
        });
        this._model.setPlan(session, plan);
        this._stage.open('steps');
      }
    });
  }

  /** Show steps that the notebook could have. */
  propose(): Promise<void> {
    return this._do('propose', async session => {
      const { api } = this._model.kernelpipe;
      const proposal = await api.propose(session.path, session.content());
      this._model.proposals.set(session, proposal);
      this._stage.open('steps');
      this._stage.focus('steps');
    });
  }

  /** Tag the cells as proposed; what was proposed for another content is proposed anew. */
  async applyProposal(): Promise<void> {
    const { session, proposals, trans } = this._model;
    if (session === null || this._model.busy !== null) {
      return;
    }
    if (!proposals.isCurrent(session)) {
      await session.refresh(); // an analysis that comes later would take the notice away
      await this.propose();
      this._model.notice = trans.__(
        'The notebook has changed: this is a new proposal, and nothing is tagged yet.'
      );
      return;
    }
    proposals.apply(session);
    await session.refresh();
    this._stage.focus('steps');
  }

  /** Forget a proposal. */
  discardProposal(): void {
    this._model.proposals.clear();
    this._model.update();
    this._stage.focus('steps');
  }

  /** Compile and save the file next to the notebook. */
  compileAndSave(): Promise<void> {
    return this._compile(true, ({ saved }) => {
      const { trans } = this._model;
      const path = saved ?? '';
      Notification.success(trans.__('Compiled to %1', path), {
        autoClose: SHOWN_MS,
        actions: [
          {
            label: trans.__('Open'),
            callback: () =>
              void this._commands.execute('docmanager:open', { path })
          }
        ]
      });
    });
  }

  /** Compile and hand the file to the browser. */
  compileAndDownload(): Promise<void> {
    return this._compile(false, ({ yaml, file_name }) => {
      download(file_name, yaml, 'application/yaml');
    });
  }

  /** Lead to the place that a finding is about. */
  async goTo(diagnostic: IDiagnostic): Promise<void> {
    this._model.place = this._model.diagnostics.findIndex(
      each => JSON.stringify(each) === JSON.stringify(diagnostic)
    );
    await this.goToPlace(diagnostic);
  }

  /** Lead to a place in the notebook. */
  async goToPlace(place: IPlace): Promise<void> {
    const { cell_id: id, cell: index, line, column } = place;
    await this._model.session?.reveal({ id, index }, line, column);
  }

  /** Lead to the place of the next finding, after the last to the first. */
  async goToNext(): Promise<void> {
    const { diagnostics, place } = this._model;
    const next = diagnostics[(place + 1) % diagnostics.length];
    if (next) {
      await this.goTo(next);
    }
  }

  /** Show the first cell of a step. */
  async goToStep(name: string): Promise<void> {
    const analysis = this._model.session?.analysis;
    const step = analysis?.steps.find(each => each.name === name);
    const index = step?.cells[0] ?? null;
    const cell = analysis?.cells.find(each => each.index === index);
    await this._model.session?.reveal({ id: cell?.id ?? null, index });
  }

  /** Show the cell in which a step failed. */
  async goToFailure({ error }: IStepRun): Promise<void> {
    if (error) {
      const { cell_id: id, cell: index, line } = error;
      await this._model.session?.reveal({ id, index }, line);
    }
  }

  private _compile(
    isSaved: boolean,
    done: (compiled: ICompiled) => void
  ): Promise<void> {
    return this._do('compile', async session => {
      const { api } = this._model.kernelpipe;
      done(await api.compile(session.path, session.content(), isSaved));
    });
  }

  /** Return whether nothing is known to be in the way of a run; say what is. */
  private async _isReady(session: INotebookSession): Promise<boolean> {
    const model = this._model;
    const { trans } = model;
    await session.refresh();
    if (session.problem) {
      this._refuse(session, session.problem.message, null);
      return false;
    }
    if (model.errors.length > 0) {
      this._refuseForErrors(session, model.errors.length);
      return false;
    }
    const wrong = model.drafts
      .fields(session)
      .find(each => each.error !== null);
    if (wrong) {
      const { name } = wrong.parameter;
      const text = trans.__(
        'Nothing was started: parameter %1 has no valid value. %2',
        name,
        wrong.error
      );
      this._refuse(session, text, 'parameters');
      this._stage.focusParameter(name);
      return false;
    }
    return true;
  }

  /** Do something once, show that it is under way, and say what went wrong. */
  private async _do(
    busy: Busy,
    work: (session: INotebookSession) => Promise<void>
  ): Promise<void> {
    const { session } = this._model;
    if (session === null || this._model.busy !== null) {
      return;
    }
    this._model.busy = busy;
    this._model.notice = null;
    try {
      await work(session);
    } catch (reason) {
      const { diagnostics } = asApiError(reason);
      this._model.setRefused(session, diagnostics, busy === 'compile');
      if (diagnostics.length > 0) {
        this._refuseForErrors(session, diagnostics.filter(isError).length);
      } else {
        const { trans } = this._model;
        this._refuse(session, refusalText(trans, reason), null);
      }
    } finally {
      this._model.busy = null;
    }
  }

  /** Say that the notebook's errors are in the way. */
  private _refuseForErrors(session: INotebookSession, count: number): void {
    const { busy, trans } = this._model;
    const text = trans._n(
      'the notebook has an error.',
      'the notebook has %1 errors.',
      Math.max(1, count)
    );
    this._refuse(
      session,
      busy === 'compile'
        ? trans.__('Nothing was compiled: %1', text)
        : trans.__('Nothing was started: %1', text),
      'diagnostics'
    );
  }

  /**
   * Say in the panel why something was not done; briefly elsewhere, when it is hidden or shows
   * another notebook by now.
   */
  private _refuse(
    session: INotebookSession,
    text: string,
    section: Section | null
  ): void {
    if (this._model.session !== session) {
      complain(`${session.path}: ${text}`);
      return;
    }
    this._model.notice = text;
    if (this._stage.isVisible) {
      this._show(section);
      return;
    }
    const label = this._model.trans.__('Show');
    complain(text, [{ label, callback: () => this._stage.open(section) }]);
  }

  private _show(section: Section | null): void {
    if (section !== null || !this._stage.isVisible) {
      this._stage.open(section);
    }
  }
}
