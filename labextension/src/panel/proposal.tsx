/**
 * What a proposal would tag, before anything is tagged.
 */
import { checkIcon, closeIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IProposal, Role } from '../api';
import { Button } from '../buttons';
import { roleText } from '../tagging/words';
import type { ISectionProps } from './parts';

/** Names that a row has room for. */
const MOST_NAMES = 4;

/** Return where cells are: "cell 3", "5 cells, 3-7". */
function cellsText(trans: TranslationBundle, cells: readonly number[]): string {
  const first = cells[0] ?? 0;
  const last = cells[cells.length - 1] ?? first;
  return cells.length === 1
    ? trans.__('cell %1', first)
    : trans.__('%3 cells, %1-%2', first, last, cells.length);
}

/** Return what a step takes from others: "takes df, model". */
function inputsText(trans: TranslationBundle, names: string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(', ');
  const more = names.length - MOST_NAMES;
  return more > 0
    ? trans.__('takes %1 and %2 more', shown, more)
    : trans.__('takes %1', shown);
}

/** A step or a kind of setup; it leads to its first cell. */
function Row(props: {
  name: string;
  texts: string[];
  onClick: () => void;
}): React.JSX.Element {
  return (
    <li>
      <button
        type="button"
        className="jp-kernelpipe-PanelProposal-row"
        onClick={props.onClick}
      >
        <span className="jp-kernelpipe-PanelStep-name">{props.name}</span>
        {props.texts.map(text => (
          <span key={text} className="jp-kernelpipe-PanelProposal-text">
            {text}
          </span>
        ))}
      </button>
    </li>
  );
}

/** The proposed steps with what to do about them; nothing is tagged yet. */
export function Proposal(
  props: ISectionProps & { proposal: IProposal }
): React.JSX.Element {
  const { actions, model, trans, proposal } = props;
  const { steps, setup, cells, notes } = proposal;
  const reveal = (index: number | undefined) => (): void => {
    void model.session?.reveal({ id: null, index: index ?? null });
  };
  const roles = [...new Set(setup.map(each => each.role))];
  const cellsOf = (role: Role): number[] =>
    setup.filter(each => each.role === role).map(each => each.cell);
  return (
    <section
      className="jp-kernelpipe-PanelProposal"
      aria-label={trans.__('Proposed steps')}
    >
      <p id="jp-kernelpipe-proposal" role="status">
        {trans._n(
          'Proposed: %1 step. Nothing is tagged yet.',
          'Proposed: %1 steps. Nothing is tagged yet.',
          steps.length
        )}
      </p>
      <div className="jp-kernelpipe-PanelProposal-buttons">
        <Button
          kind="primary"
          icon={checkIcon}
          label={trans._n('Tag %1 cell', 'Tag %1 cells', cells.length)}
          title={trans.__('Tag the cells so; one undo takes it back')}
          aria-describedby="jp-kernelpipe-proposal"
          aria-disabled={model.busy !== null}
          data-kernelpipe-action="apply-proposal"
          onClick={() => void actions.applyProposal()}
        />
        <Button
          icon={closeIcon}
          label={trans.__('Discard')}
          data-kernelpipe-action="discard-proposal"
          onClick={() => actions.discardProposal()}
        />
      </div>
      <ol
        className="jp-kernelpipe-PanelProposal-list"
        aria-label={trans.__('Proposed steps')}
      >
        {roles.map(role => (
          <Row
            key={`role ${role}`}
            name={roleText(trans, role === 'step' ? null : role)}
            texts={[cellsText(trans, cellsOf(role))]}
            onClick={reveal(cellsOf(role)[0])}
          />
        ))}
        {steps.map(({ name, cells: own, heading, inputs }) => (
          <Row
            key={`step ${name}`}
            name={name}
            texts={[
              cellsText(trans, own),
              ...(heading === null ? [] : [trans.__('“%1”', heading)]),
              ...(inputs.length === 0 ? [] : [inputsText(trans, inputs)])
            ]}
            onClick={reveal(own[0])}
          />
        ))}
      </ol>
      {notes.length > 0 && (
        <ul
          className="jp-kernelpipe-PanelProposal-notes"
          aria-label={trans.__('Why there are no more steps')}
        >
          {notes.map(note => (
            <li key={note}>{trans.__('Not cut further: %1', note)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
