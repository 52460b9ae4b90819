/**
 * Holds the runs that the server knows: snapshots by REST, changes by Jupyter Events.
 */
import type { Event } from '@jupyterlab/services';
import { Poll } from '@lumino/polling';
import { Signal } from '@lumino/signaling';

import type { IRun, IRunDetail, IRunEvent, IRunRequest, IStatus } from './api';
import type { Api } from './client';
import type { ApiError } from './api';
import { isSameRun, keyText } from './keys';
import { asApiError } from './refusals';
import { whenSaved } from './saving';
import { hasEnded } from './states';
import type {
  INotebookSession,
  INotebookSessions,
  IRunKey,
  IRuns
} from './tokens';

/** Milliseconds between two looks at the list: events may be lost with their socket. */
const POLL_MS = { idle: 30000, running: 3000, most: 120000 };

/** How many ended runs keep their details. */
const MOST_DETAILS = 20;

/** Return a list, the newest first, with one more; a schedule may have started it earlier. */
function inserted(list: readonly IRun[], run: IRun): IRun[] {
  const later = list.filter(each => each.started_at > run.started_at);
  return [...later, run, ...list.slice(later.length)];
}

/** The runs; see the interface. */
export class Runs implements IRuns {
  readonly changed = new Signal<this, void>(this);
  readonly detailChanged = new Signal<this, IRunDetail>(this);
  readonly ended = new Signal<this, IRun>(this);
  status: IStatus | null = null;
  list: readonly IRun[] = [];
  isReady = false;
  problem: ApiError | null = null;

  private readonly _poll: Poll;
  private readonly _details = new Map<string, IRunDetail>();
  private readonly _loading = new Map<string, Promise<IRunDetail>>();
  private readonly _heard = new Map<string, IRunEvent[]>();
  /** Which events the details hold already. */
  private readonly _held = new Map<string, { server: string; seq: number }>();
  private readonly _refused = new Set<string>();
  private _server = '';
  private _seq = 0;
  private _waiting: IRunEvent[] | null = null;
  private _refreshing: Promise<void> | null = null;

  constructor(
    private readonly _api: Api,
    events: Event.IManager,
    private readonly _sessions: INotebookSessions
  ) {
    events.stream.connect(this._onEmission, this);
    this._poll = new Poll({
      name: 'kernelpipe:runs',
      factory: () => this.refresh(),
      frequency: { interval: POLL_MS.idle, backoff: true, max: POLL_MS.most },
      standby: 'when-hidden'
    });
  }

  latest(path: string): IRun | null {
    const isShown = (run: IRun): boolean =>
      run.path === path && !run.cluster?.schedule;
    return this.list.find(isShown) ?? null;
  }

  unfinished(): IRun[] {
    return this.list.filter(run => !hasEnded(run.state));
  }

  detail(key: IRunKey): IRunDetail | null {
    const known = this._details.get(keyText(key)) ?? null;
    const text = keyText(key);
    const isAsked = this._loading.has(text) || this._refused.has(text);
    if (known === null && !isAsked) {
      this.load(key).catch(() => this._refused.add(text));
    }
    return known;
  }

  load(key: IRunKey): Promise<IRunDetail> {
    const text = keyText(key);
    const known = this._loading.get(text);
    if (known) {
      return known;
    }
    const loading = this._load(key).finally(() => this._loading.delete(text));
    this._loading.set(text, loading);
    return loading;
  }

  async start(
    session: INotebookSession,
    options: Partial<IRunRequest> = {}
  ): Promise<IRun> {
    return this._begin(session, () =>
      this._api.start({
        ...options,
        path: session.path,
        notebook: session.content(),
        parameters: session.given()
      })
    );
  }

  async resume(run: IRun): Promise<IRun> {
    const session =
      this._sessions.all().find(each => each.path === run.path) ?? null;
    return this._begin(session, () =>
      this._api.resume(run.folder, run.run_id, session?.content() ?? null)
    );
  }

  async stop(key: IRunKey): Promise<void> {
    this._takeRun(await this._api.stop(key.folder, key.run_id));
    this.changed.emit();
  }

  async remove(key: IRunKey): Promise<void> {
    await this._api.remove(key.folder, key.run_id);
    this._dropRun(key);
    this.changed.emit();
  }

  /** One request is under way at any time: its answer is what the events count from. */
  refresh(): Promise<void> {
    this._refreshing ??= this._refresh().finally(() => {
      this._refreshing = null;
    });
    return this._refreshing;
  }

  /** What came by events while the server was asked is applied after its answer. */
  private async _refresh(): Promise<void> {
    this._waiting = [];
    try {
      this.status ??= await this._api.status();
      const answer = await this._api.runs();
      const isMissing =
        answer.server !== this._server || answer.seq > this._seq;
      this._server = answer.server;
      this._seq = answer.seq;
      this._takeList(answer.runs);
      this._refused.clear();
      this.isReady = true;
      this.problem = null;
      const waiting = this._waiting;
      this._waiting = null;
      waiting.forEach(event => this._take(event));
      if (isMissing) {
        this._reloadDetails();
      }
    } catch (reason) {
      this._waiting = null;
      this.problem = asApiError(reason);
      this.changed.emit();
      throw reason; // the poll waits longer each time
    }
    this._setPace();
    this.changed.emit();
  }

  /** Save, then start. */
  private async _begin(
    session: INotebookSession | null,
    begin: () => Promise<IRun>
  ): Promise<IRun> {
    const run = await whenSaved(session, begin);
    this._takeRun(run);
    this._setPace();
    this.changed.emit();
    void this.load(run).catch(() => undefined);
    return run;
  }

  /** What happened after the answer was made and came before it is applied once more. */
  private async _load(key: IRunKey): Promise<IRunDetail> {
    const text = keyText(key);
    const heard: IRunEvent[] = [];
    this._heard.set(text, heard);
    try {
      const answer = await this._api.run(key.folder, key.run_id);
      this._held.set(text, { server: answer.server, seq: answer.seq });
      this._takeDetail(answer.run);
      heard.forEach(event => this._takePart(event));
      return this._details.get(text) ?? answer.run;
    } finally {
      this._heard.delete(text);
    }
  }

  /** Load details anew; an answer that is under way may be too old. */
  private _loadAgain(key: IRunKey): void {
    const underWay: Promise<unknown> =
      this._loading.get(keyText(key)) ?? Promise.resolve();
    void underWay
      .catch(() => undefined)
      .then(() => this.load(key))
      .catch(() => undefined); // the list says what is wrong
  }

  private _reloadDetails(): void {
    for (const detail of this._details.values()) {
      this._loadAgain(detail);
    }
  }

  private _onEmission(_: Event.IManager, emission: Event.Emission): void {
    if (emission.schema_id === this.status?.event_schema) {
      this._onEvent(emission as unknown as IRunEvent);
    }
  }

  private _onEvent(event: IRunEvent): void {
    this._heard.get(keyText(event))?.push(event);
    if (this._waiting !== null) {
      this._waiting.push(event);
      return;
    }
    this._take(event);
    this._setPace();
    this.changed.emit();
  }

  /** Apply an event, unless it is known; ask for everything when one before it is missing. */
  private _take(event: IRunEvent): void {
    if (event.server === this._server && event.seq <= this._seq) {
      return;
    }
    if (event.server !== this._server || event.seq > this._seq + 1) {
      void this._poll.refresh();
      return;
    }
    this._seq = event.seq;
    if (event.run) {
      this._takeRun(event.run);
    } else if (event.kind === 'removed') {
      this._dropRun(event);
    } else {
      this._takePart(event);
    }
  }

  private _takeList(runs: IRun[]): void {
    const before = this.list;
    this.list = runs;
    for (const run of runs) {
      const old = before.find(each => isSameRun(each, run));
      if (old && !hasEnded(old.state) && hasEnded(run.state)) {
        this.ended.emit(run);
      }
    }
  }

  private _takeRun(run: IRun): void {
    const old = this.list.find(each => isSameRun(each, run));
    if (old && hasEnded(old.state)) {
      return; // an answer that an event has overtaken
    }
    this.list = old
      ? this.list.map(each => (each === old ? run : each))
      : inserted(this.list, run);
    const detail = this._details.get(keyText(run));
    if (detail && !hasEnded(detail.state)) {
      this._takeDetail({ ...detail, ...run });
    }
    if (hasEnded(run.state)) {
      if (detail) {
        this._loadAgain(run); // sizes and metrics come with the end
      }
      if (old) {
        this.ended.emit(run);
      }
    }
  }

  private _takeDetail(detail: IRunDetail): void {
    const text = keyText(detail);
    this._details.delete(text);
    this._details.set(text, detail);
    for (const [key, each] of this._details) {
      if (this._details.size > MOST_DETAILS && hasEnded(each.state)) {
        this._details.delete(key);
        this._held.delete(key);
      }
    }
    this.detailChanged.emit(detail);
  }

  /** Apply what an event says of a run's details. */
  private _takePart({ run, step, cell, text, ...event }: IRunEvent): void {
    const known = this._details.get(keyText(event));
    const held = this._held.get(keyText(event));
    const isHeld = held?.server === event.server && event.seq <= held.seq;
    if (!known || isHeld) {
      return;
    }
    const detail = { ...known, ...run };
    if (step) {
      detail.steps = known.steps.map(each =>
        each.name === step.name ? step : each
      );
    }
    if (cell) {
      detail.cells = [
        ...known.cells.filter(
          each => each.cell !== cell.cell || each.step !== cell.step
        ),
        cell
      ];
    }
    if (text !== undefined) {
      detail.messages = [...known.messages, text];
    }
    this._takeDetail(detail);
  }

  private _dropRun(key: IRunKey): void {
    this.list = this.list.filter(each => !isSameRun(each, key));
    this._details.delete(keyText(key));
    this._held.delete(keyText(key));
  }

  private _setPace(): void {
    const interval =
      this.unfinished().length > 0 ? POLL_MS.running : POLL_MS.idle;
    if (this._poll.frequency.interval !== interval) {
      this._poll.frequency = { ...this._poll.frequency, interval };
    }
  }
}
