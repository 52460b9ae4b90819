/**
 * Where runs are shown: one tab for each run, notebook and comparison.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { Widget } from '@lumino/widgets';

import { isSameRun, keyText } from '../keys';
import type { IRunKey } from '../tokens';
import { ComparisonView } from './comparison';
import type { IViewNeeds } from './needs';
import type { INotebookParts } from './notebook';
import { ExecutedNotebook } from './notebook';
import { showBelow } from './below';
import { RunView } from './widget';

type Tracker<T extends Widget> = WidgetTracker<MainAreaWidget<T>>;

type Tab = MainAreaWidget<RunView | ExecutedNotebook>;

/** Return an id for a tab. */
function tabId(kind: string, ...parts: string[]): string {
  const text = [kind, ...parts].join('-').replace(/[^\w-]+/g, '_');
  return `kernelpipe-${text}`;
}

/** The tabs that show runs. */
export class Places {
  readonly views: Tracker<RunView> = new WidgetTracker({
    namespace: 'kernelpipe-run'
  });
  readonly notebooks: Tracker<ExecutedNotebook> = new WidgetTracker({
    namespace: 'kernelpipe-run-notebook'
  });
  readonly comparisons: Tracker<ComparisonView> = new WidgetTracker({
    namespace: 'kernelpipe-comparison'
  });

  /**
   * @param _area - Of the shell: Jupyter Notebook's main area has only room for the notebook.
   * @param _parts - What shows notebooks; null where there is none.
   */
  constructor(
    private readonly _shell: JupyterFrontEnd.IShell,
    private readonly _area: 'main' | 'down',
    private readonly _needs: IViewNeeds,
    private readonly _parts: INotebookParts | null
  ) {}

  /** Whether executed notebooks can be shown. */
  get hasNotebooks(): boolean {
    return this._parts !== null;
  }

  /**
   * Show a run.
   *
   * @param step - The step to look at; null leaves the choice as it is.
   */
  openRun(key: IRunKey, step: string | null): MainAreaWidget<RunView> {
    const open = this.views.find(each => isSameRun(each.content.key, key));
    if (open && step !== null) {
      open.content.step = step;
    }
    return this._show(
      this.views,
      open,
      tabId('run', keyText(key)),
      () => new RunView(this._needs, key, step)
    );
  }

  /** Show what a step, or the whole run when `step` is null, has executed. */
  openNotebook(
    key: IRunKey,
    step: string | null
  ): MainAreaWidget<ExecutedNotebook> | null {
    const parts = this._parts;
    if (parts === null) {
      return null;
    }
    const open = this.notebooks.find(
      ({ content }) => isSameRun(content.key, key) && content.step === step
    );
    return this._show(
      this.notebooks,
      open,
      tabId('run-notebook', keyText(key), step ?? ''),
      () => new ExecutedNotebook({ ...this._needs, ...parts }, key, step)
    );
  }

  /** Show what differs between two runs. */
  compare(before: IRunKey, after: IRunKey): MainAreaWidget<ComparisonView> {
    const open = this.comparisons.find(
      ({ content }) =>
        isSameRun(content.before, before) && isSameRun(content.after, after)
    );
    return this._show(
      this.comparisons,
      open,
      tabId('comparison', keyText(before), keyText(after)),
      () => new ComparisonView(this._needs, before, after)
    );
  }

  /** Close what shows a run. */
  close(key: IRunKey): void {
    const trackers: { forEach(each: (widget: Tab) => void): void }[] = [
      this.views,
      this.notebooks
    ];
    const found: Tab[] = [];
    trackers.forEach(tracker =>
      tracker.forEach(tab => isSameRun(tab.content.key, key) && found.push(tab))
    );
    found.forEach(tab => tab.dispose());
  }

  private _show<T extends Widget>(
    tracker: Tracker<T>,
    open: MainAreaWidget<T> | undefined,
    id: string,
    make: () => T
  ): MainAreaWidget<T> {
    const widget = open ?? new MainAreaWidget({ content: make() });
    if (!open) {
      widget.id = id;
      widget.toolbar.hide();
      void tracker.add(widget);
    }
    if (!widget.isAttached) {
      this._shell.add(widget, this._area, { mode: 'tab-after' });
    }
    this._shell.activateById(widget.id);
    showBelow(widget);
    return widget;
  }
}
