/**
 * A notebook that a run has executed: without a kernel, and only to be read.
 */
import type { IEditorServices } from '@jupyterlab/codeeditor';
import type * as nbformat from '@jupyterlab/nbformat';
import { NotebookModel, StaticNotebook } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { notebookIcon } from '@jupyterlab/ui-components';
import { Panel, Widget } from '@lumino/widgets';

import { reasonText } from '../refusals';
import type { IRunKey } from '../tokens';
import type { IViewNeeds } from './needs';

/** What shows notebooks. */
export interface INotebookParts {
  readonly contentFactory: NotebookPanel.IContentFactory;
  readonly editorServices: IEditorServices;
}

/** Return a text that a file may hold as lines. */
function joined(text: nbformat.MultilineString): string {
  return Array.isArray(text) ? text.join('') : text;
}

/** Return a mime bundle with texts in one piece; JSON may be lists. */
function joinedBundle(bundle: nbformat.IMimeBundle): nbformat.IMimeBundle {
  const entries = Object.entries(bundle).map(([mime, value]) => [
    mime,
    Array.isArray(value) && !/\bjson$/.test(mime) ? joined(value) : value
  ]);
  return Object.fromEntries(entries) as nbformat.IMimeBundle;
}

/** Return an output as the models of outputs expect it. */
function whole(output: nbformat.IOutput): nbformat.IOutput {
  if (typeof output['data'] === 'object') {
    return {
      ...output,
      data: joinedBundle(output['data'] as nbformat.IMimeBundle)
    };
  }
  return 'text' in output
    ? { ...output, text: joined(output['text'] as nbformat.MultilineString) }
    : output;
}

/** Return a notebook of which no cell can be edited. */
function readOnly(
  content: nbformat.INotebookContent
): nbformat.INotebookContent {
  const cells = content.cells.map(cell => ({
    ...cell,
    ...(Array.isArray(cell['outputs'])
      ? { outputs: (cell['outputs'] as nbformat.IOutput[]).map(whole) }
      : {}),
    metadata: { ...cell.metadata, editable: false, deletable: false }
  }));
  return { ...content, cells };
}

/** Return the index of the first cell that raised; -1 if none did. */
function failedCell(content: nbformat.INotebookContent): number {
  return content.cells.findIndex(
    cell =>
      Array.isArray(cell['outputs']) &&
      cell['outputs'].some(
        output => (output as nbformat.IOutput).output_type === 'error'
      )
  );
}

/** An executed notebook. */
export class ExecutedNotebook extends Panel {
  /**
   * @param step - Of which step; null for the whole run's.
   */
  constructor(
    private readonly _needs: IViewNeeds & INotebookParts,
    readonly key: IRunKey,
    readonly step: string | null
  ) {
    super();
    const { trans } = _needs;
    this.addClass('jp-kernelpipe-RunNotebook');
    this.node.tabIndex = -1;
    this.title.icon = notebookIcon;
    this.title.label = trans.__('%1 (executed)', step ?? trans.__('Run'));
    this.title.caption = trans.__('Executed notebook, only to be read');
    this._say(trans.__('Loading…'));
    void this._load();
  }

  dispose(): void {
    if (!this.isDisposed) {
      super.dispose();
      this._model?.dispose();
    }
  }

  private async _load(): Promise<void> {
    const { kernelpipe, trans } = this._needs;
    const { folder, run_id } = this.key;
    try {
      const [run, content] = await Promise.all([
        kernelpipe.runs.load(this.key),
        kernelpipe.api.notebook(folder, run_id, this.step)
      ]);
      if (!this.isDisposed) {
        const of = this.step ?? run.pipeline;
        this.title.label = trans.__('%1 (executed)', of);
        this._say(
          trans.__(
            "What the run of %1 has executed. This copy can't be edited; the notebook itself is unchanged.",
            new Date(run.started_at * 1000).toLocaleString()
          )
        );
        this._show(content as unknown as nbformat.INotebookContent);
      }
    } catch (reason) {
      if (!this.isDisposed) {
        this._say(reasonText(reason));
      }
    }
  }

  private _say(text: string): void {
    this._head?.dispose();
    const head = new Widget({ node: document.createElement('p') });
    head.addClass('jp-kernelpipe-RunNotebook-head');
    head.node.textContent = text;
    this._head = head;
    this.insertWidget(0, head);
  }

  private _show(content: nbformat.INotebookContent): void {
    const { rendermime, contentFactory, editorServices } = this._needs;
    const model = new NotebookModel();
    model.fromJSON(readOnly(content));
    this._model = model;
    const configs = StaticNotebook.defaultEditorConfig;
    const notebook = new StaticNotebook({
      rendermime: rendermime.clone(),
      contentFactory,
      mimeTypeService: editorServices.mimeTypeService,
      editorConfig: {
        code: { ...configs.code, readOnly: true },
        markdown: { ...configs.markdown, readOnly: true },
        raw: { ...configs.raw, readOnly: true }
      },
      notebookConfig: {
        ...StaticNotebook.defaultNotebookConfig,
        windowingMode: 'defer'
      }
    });
    notebook.model = model;
    this.addWidget(notebook);
    const failed = failedCell(content);
    if (failed >= 0) {
      void notebook.scrollToItem(failed, 'center').catch(() => undefined);
    }
  }

  private _model: NotebookModel | null = null;
  private _head: Widget | null = null;
}
