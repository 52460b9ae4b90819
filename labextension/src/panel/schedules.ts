/**
 * The schedules of the notebook that was used last, and the form for a new one.
 */
import { Poll } from '@lumino/polling';

import type { ISchedule, Trigger } from '../api';
import { reasonText } from '../refusals';
import { whenSaved } from '../saving';
import type { IKernelpipe, INotebookSession } from '../tokens';

/** Milliseconds between two looks at the schedules: others may pause them. */
const POLL_MS = { interval: 60000, max: 300000 };

/** What can be done with a schedule. */
export type ScheduleChange = 'pause' | 'resume' | 'delete';

/** The schedules. */
export class Schedules {
  list: readonly ISchedule[] = [];

  /** Why the last request was refused; null when all is well. */
  notice: string | null = null;

  /** Whether a request is under way. */
  isBusy = false;

  private readonly _poll: Poll;
  private _session: INotebookSession | null = null;
  private _isFormShown = false;

  /**
   * @param _kernelpipe - The server.
   * @param _update - Has everything shown anew.
   */
  constructor(
    private readonly _kernelpipe: IKernelpipe,
    private readonly _update: () => void
  ) {
    this._poll = new Poll({
      name: 'kernelpipe:schedules',
      auto: false,
      factory: () => this._load(),
      frequency: { ...POLL_MS, backoff: true },
      standby: 'when-hidden'
    });
  }

  dispose(): void {
    this._poll.dispose();
  }

  /** Whether the form for a new one is shown. */
  get isFormShown(): boolean {
    return this._isFormShown;
  }

  /** Show or hide the form for a new one. */
  showForm(isShown: boolean): void {
    this._isFormShown = isShown;
    this.notice = null;
    this._update();
  }

  /** Show the schedules of another notebook. */
  follow(session: INotebookSession | null): void {
    this._session = session;
    this._isFormShown = false;
    this.list = [];
    this.notice = null;
    void (session === null ? this._poll.stop() : this._poll.refresh());
  }

  /** Save the notebook and let the cluster run it; the form closes when that is done. */
  async add(name: string, trigger: Trigger): Promise<void> {
    const session = this._session;
    if (session === null) {
      return;
    }
    const { api } = this._kernelpipe;
    await this._do(async () => {
      await whenSaved(session, () =>
        api.schedule({
          path: session.path,
          notebook: session.content(),
          parameters: session.given(),
          name: name === '' ? null : name,
          ...trigger
        })
      );
      this._isFormShown = false;
    });
  }

  /** Pause, resume or delete a schedule. */
  async change({ key }: ISchedule, change: ScheduleChange): Promise<void> {
    const session = this._session;
    if (session !== null) {
      const { api } = this._kernelpipe;
      await this._do(() => api.changeSchedule(session.path, key, change));
    }
  }

  /** Do something once, and look how the schedules are then. */
  private async _do(work: () => Promise<void>): Promise<void> {
    if (this.isBusy) {
      return;
    }
    const session = this._session;
    this.isBusy = true;
    this.notice = null;
    this._update();
    let notice: string | null = null;
    try {
      await work();
      await this._load();
    } catch (reason) {
      notice = reasonText(reason);
    }
    this.isBusy = false;
    if (this._session === session) {
      this.notice = notice;
    }
    this._update();
  }

  private async _load(): Promise<void> {
    const session = this._session;
    if (session !== null) {
      const list = await this._kernelpipe.api.schedules(session.path);
      if (this._session === session) {
        this.list = list;
        this._update();
      }
    }
  }
}
