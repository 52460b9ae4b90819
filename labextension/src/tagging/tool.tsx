/**
 * The section of the property inspector.
 */
import { NotebookTools } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Collapser, ReactWidget } from '@jupyterlab/ui-components';
import { PanelLayout } from '@lumino/widgets';
import * as React from 'react';

import type { IKernelpipe, INotebookSession } from '../tokens';
import { askNewName } from './popover';
import { Section } from './section';

/** What the section holds. */
class SectionWidget extends ReactWidget {
  constructor(
    private readonly _kernelpipe: IKernelpipe,
    private readonly _trans: TranslationBundle
  ) {
    super();
    _kernelpipe.sessions.currentChanged.connect(this._follow, this);
    this._follow();
  }

  private _session: INotebookSession | null = null;

  protected render(): JSX.Element {
    return (
      <Section
        session={this._session}
        trans={this._trans}
        onRename={(step, anchor) => this._rename(step, anchor)}
      />
    );
  }

  private _follow(): void {
    this._session?.changed.disconnect(this.update, this);
    this._session = this._kernelpipe.sessions.current;
    this._session?.changed.connect(this.update, this);
    this.update();
  }

  private _rename(step: string, anchor: Element): void {
    const session = this._session;
    const trans = this._trans;
    if (session !== null) {
      askNewName(session, step, trans, {
        anchor,
        onClosed: () => {
          if (anchor instanceof HTMLElement) {
            anchor.focus();
          }
        }
      });
    }
  }
}

/** Shows the step of the active cell; follows the notebook, the selection and the analysis. */
export class StepTool extends NotebookTools.Tool {
  constructor(kernelpipe: IKernelpipe, trans: TranslationBundle) {
    super();
    this.addClass('jp-kernelpipe-StepTool');
    this._content = new SectionWidget(kernelpipe, trans);
    const layout = new PanelLayout();
    layout.addWidget(this._content);
    this.layout = layout;
  }

  private readonly _content: SectionWidget;

  /** Open the section; returns whether its first field could be given the focus. */
  reveal(): boolean {
    for (let frame = this.parent; frame !== null; frame = frame.parent) {
      if (frame instanceof Collapser) {
        frame.collapsed = false;
      }
    }
    const field = this.node.querySelector('input');
    field?.focus();
    field?.scrollIntoView({ block: 'nearest' });
    return field !== null;
  }

  protected onActiveCellChanged(): void {
    this._content.update();
  }

  protected onSelectionChanged(): void {
    this._content.update();
  }
}
