/**
 * The only place that asks the server.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { PartialJSONObject } from '@lumino/coreutils';

import type {
  IAnalysis,
  ICellContent,
  IComparison,
  ICompiled,
  IDiagnostic,
  IFailure,
  ILog,
  INotebookContent,
  IPlan,
  IProposal,
  IRun,
  IRunList,
  IRunRequest,
  IRunSnapshot,
  ISchedule,
  IScheduleRequest,
  IScheduleWords,
  IStatus,
  ITags,
  IValuePreview,
  TagEdit
} from './api';
import { ApiError, UNREACHED } from './api';
import { requestText, statusText } from './bodies';

/** What stands behind the question mark. */
interface IQuery {
  [name: string]: string;
}

/** The server extension. */
export class Api {
  /** @param settings - How to reach the server; xsrf and token are its matter. */
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** What the server can do. */
  status(): Promise<IStatus> {
    return this._get('status');
  }

  /** The pipeline that a notebook means, whatever is wrong with it. */
  analyse(path: string, notebook: INotebookContent): Promise<IAnalysis> {
    return this._post('analysis', { path, notebook });
  }

  /** The tags of the cells that an edit changes. */
  async editTags(cells: ICellContent[], edit: TagEdit): Promise<ITags[]> {
    const sent = cells.map(({ id, cell_type, metadata }) => ({
      id,
      cell_type,
      tags: metadata['tags'] ?? []
    }));
    const answer = await this._post<{ cells: ITags[] }>('tags', {
      cells: sent,
      edit
    });
    return answer.cells;
  }

  /** Steps for a notebook that has none. */
  propose(path: string, notebook: INotebookContent): Promise<IProposal> {
    return this._post('proposal', { path, notebook });
  }

  /** Compile; save it next to the notebook, or only answer it. */
  compile(
    path: string,
    notebook: INotebookContent,
    save: boolean
  ): Promise<ICompiled> {
    return this._post('compile', { path, notebook, save });
  }

  /** What a run would do. */
  plan(request: IRunRequest): Promise<IPlan> {
    return this._send('plan', requestText(request));
  }

  /** The schedules of a notebook, the latest first. */
  async schedules(path: string): Promise<ISchedule[]> {
    const answer = await this._get<{ schedules: ISchedule[] }>('schedules', {
      path
    });
    return answer.schedules;
  }

  /** Let the cluster run a notebook by itself. */
  async schedule(request: IScheduleRequest): Promise<void> {
    await this._send('schedules', requestText(request));
  }

  /** Pause, resume or delete a schedule of a notebook. */
  async changeSchedule(
    path: string,
    key: string,
    change: 'pause' | 'resume' | 'delete'
  ): Promise<void> {
    const route = `schedules/${key}`;
    await (change === 'delete'
      ? this._fetch(route, { method: 'DELETE' }, { path })
      : this._post(`${route}/${change}`, {}, { path }));
  }

  /** What a crontab line means. */
  scheduleWords(cron: string): Promise<IScheduleWords> {
    return this._get('schedule-words', { cron });
  }

  /** All runs that this server knows, the newest first. */
  runs(): Promise<IRunList> {
    return this._get('runs');
  }

  /** One run. */
  run(folder: string, id: string): Promise<IRunSnapshot> {
    return this._get(`runs/${id}`, { folder });
  }

  /** Start a run. */
  start(request: IRunRequest): Promise<IRun> {
    return this._send('runs', requestText(request));
  }

  /** Ask a run to stop; its state says when it has. */
  stop(folder: string, id: string): Promise<IRun> {
    return this._post(`runs/${id}/stop`, {}, { folder });
  }

  /** Continue a run that failed or was stopped, with the notebook as it is now. */
  resume(
    folder: string,
    id: string,
    notebook: INotebookContent | null
  ): Promise<IRun> {
    return this._post(`runs/${id}/resume`, { notebook }, { folder });
  }

  /** Remove a run with its files. */
  async remove(folder: string, id: string): Promise<void> {
    await this._fetch(`runs/${id}`, { method: 'DELETE' }, { folder });
  }

  /** An executed notebook: of a step, or the whole when `step` is null. */
  notebook(
    folder: string,
    id: string,
    step: string | null
  ): Promise<PartialJSONObject> {
    return this._get(`runs/${id}/notebook`, {
      folder,
      ...(step === null ? {} : { step })
    });
  }

  /** A piece of the log of a step, from `offset` bytes on. */
  log(folder: string, id: string, step: string, offset: number): Promise<ILog> {
    return this._get(`runs/${id}/log`, {
      folder,
      step,
      offset: String(offset)
    });
  }

  /** Why a step failed, with its traceback. */
  failure(folder: string, id: string, step: string): Promise<IFailure> {
    return this._get(`runs/${id}/failure`, { folder, step });
  }

  /** What a step handed on. */
  async values(
    folder: string,
    id: string,
    step: string
  ): Promise<IValuePreview[]> {
    const answer = await this._get<{ values: IValuePreview[] }>(
      `runs/${id}/values`,
      { folder, step }
    );
    return answer.values;
  }

  /** Where the report of a run can be downloaded. */
  reportUrl(folder: string, id: string): string {
    return (
      URLExt.join(this.settings.baseUrl, 'kernelpipe/runs', id, 'report') +
      URLExt.objectToQueryString({ folder })
    );
  }

  /** What differs between two runs, possibly of different folders. */
  compare(
    before: { folder: string; run_id: string },
    after: { folder: string; run_id: string }
  ): Promise<IComparison> {
    return this._get(`runs/${after.run_id}/comparison`, {
      folder: after.folder,
      with_folder: before.folder,
      with: before.run_id
    });
  }

  private _get<T>(route: string, query: IQuery = {}): Promise<T> {
    return this._fetch<T>(route, { method: 'GET' }, query);
  }

  private _post<T>(route: string, body: object, query?: IQuery): Promise<T> {
    return this._send<T>(route, JSON.stringify(body), query);
  }

  private _send<T>(route: string, body: string, query?: IQuery): Promise<T> {
    return this._fetch<T>(route, { method: 'POST', body }, query ?? {});
  }

  private async _fetch<T>(
    route: string,
    init: RequestInit,
    query: IQuery
  ): Promise<T> {
    const url =
      URLExt.join(this.settings.baseUrl, 'kernelpipe', route) +
      URLExt.objectToQueryString(query);
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (reason) {
      throw new ApiError(String(reason), 0, UNREACHED, []);
    }
    const text = await response.text();
    if (!response.ok) {
      throw refusal(response, text);
    }
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

/** Return what a refusal says; a proxy's may be no JSON. */
function refusal(response: Response, text: string): ApiError {
  try {
    const answer = JSON.parse(text) as {
      error?: { type: string; message: string };
      message?: string;
      diagnostics?: IDiagnostic[];
    };
    return new ApiError(
      answer.error?.message ?? answer.message ?? statusText(response),
      response.status,
      answer.error?.type ?? '',
      answer.diagnostics ?? []
    );
  } catch {
    return new ApiError(statusText(response), response.status, '', []);
  }
}
