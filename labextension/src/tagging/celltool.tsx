/**
 * The button in the cell toolbar: which step the cell belongs to, and a menu to change that.
 */
import type { Cell } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { caretDownEmptyIcon } from '@jupyterlab/ui-components';
import type { Menu } from '@lumino/widgets';
import * as React from 'react';

import { kernelpipeIcon } from '../icons';
import type { IKernelpipe, INotebookSession } from '../tokens';
import { markOf } from './selection';
import { roleText } from './words';

/** The button. */
export class StepButton extends ReactWidget {
  constructor(
    private readonly _cell: Cell,
    private readonly _kernelpipe: IKernelpipe,
    private readonly _menu: Menu,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-kernelpipe-StepButton');
    this._session =
      _kernelpipe.sessions
        .all()
        .find(each => each.panel.content.widgets.includes(_cell)) ?? null;
    this._session?.changed.connect(this.update, this);
    if (this._session === null) {
      this._kernelpipe.sessions.added.connect(this._onAdded, this);
    }
  }

  private _session: INotebookSession | null;

  protected render(): JSX.Element | null {
    const trans = this._trans;
    if (this._cell.model.type !== 'code') {
      return null;
    }
    const mark = markOf(this._session, this._cell.model.id);
    const role = mark?.role ?? null;
    const name =
      mark?.step ??
      (role === null || role === 'step' ? '' : roleText(trans, role));
    const label = name === '' ? trans.__('Step') : name;
    return (
      <button
        type="button"
        aria-haspopup="menu"
        aria-label={trans.__('Pipeline step of this cell: %1', label)}
        title={trans.__('Choose the pipeline step or the role of this cell')}
        disabled={this._session?.panel.model?.readOnly !== false}
        onClick={event => {
          const { left, bottom } = event.currentTarget.getBoundingClientRect();
          this._menu.open(left, bottom);
        }}
      >
        <kernelpipeIcon.react tag="span" width="14px" />
        <span className="jp-kernelpipe-StepButton-name">{label}</span>
        <caretDownEmptyIcon.react tag="span" width="12px" />
      </button>
    );
  }

  private _onAdded(_: unknown, session: INotebookSession): void {
    if (session.panel.content.widgets.includes(this._cell)) {
      this._kernelpipe.sessions.added.disconnect(this._onAdded, this);
      this._session = session;
      session.changed.connect(this.update, this);
      this.update();
    }
  }
}
