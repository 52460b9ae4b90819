/**
 * What the property inspector shows of the active cell and of its step.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ICellMark, IStep } from '../api';
import type { INotebookSession } from '../tokens';
import { CommandIDs } from '../tokens';
import { Button } from '../buttons';
import { Combo } from './combo';
import { Choices, Group, useSaving } from './field';
import { StepSettings } from './settings';
import { headOf, markOf, selectedIds, stepNames, stepOf } from './selection';
import { ROLES, roleCaption, roleText } from './words';

/** What the section shows. */
export interface ISectionProps {
  session: INotebookSession | null;
  trans: TranslationBundle;

  /** Ask for a new name of a step, beside an element. */
  onRename: (step: string, anchor: Element) => void;
}

/** The section. */
export function Section(props: ISectionProps): JSX.Element {
  const { session, trans } = props;
  const cell = session?.panel.content.activeCell;
  if (!session || !cell) {
    return <Note text={trans.__('Open a notebook to see its steps.')} />;
  }
  const mark = markOf(session, cell.model.id);
  if (session.analysis === null || (mark === null && !session.problem)) {
    return (
      <Note
        text={
          session.problem?.message ?? trans.__('The notebook is being read…')
        }
      />
    );
  }
  const ids = selectedIds(session);
  if (mark === null || ids.length === 0) {
    return (
      <Note text={trans.__('Only code cells are part of the pipeline.')} />
    );
  }
  const isDisabled = session.panel.model?.readOnly !== false;
  const step = stepOf(session, mark.step);
  return (
    <div className="jp-kernelpipe-Section">
      {ids.length > 1 && (
        <Note text={trans.__('For the %1 selected code cells:', ids.length)} />
      )}
      <CellStep
        {...props}
        key={`step ${mark.id}`}
        session={session}
        mark={mark}
        ids={ids}
        isDisabled={isDisabled}
      />
      <CellRole
        {...props}
        key={`role ${mark.id}`}
        session={session}
        mark={mark}
        ids={ids}
        isDisabled={isDisabled}
      />
      {step !== null && (
        <StepPart
          key={`settings ${step.name}`}
          session={session}
          step={step}
          trans={trans}
          isDisabled={isDisabled}
        />
      )}
    </div>
  );
}

function Note({ text }: { text: string }): JSX.Element {
  return <p className="jp-kernelpipe-Section-note">{text}</p>;
}

interface ICellPart extends ISectionProps {
  session: INotebookSession;
  mark: ICellMark;
  ids: string[];
  isDisabled: boolean;
}

/** The cell's step: an existing one or a new one. */
function CellStep(props: ICellPart): JSX.Element {
  const { session, trans, mark, ids, isDisabled } = props;
  const step = mark.step;
  const says =
    step === null
      ? trans.__('This cell belongs to no step.')
      : mark.is_tagged
        ? ''
        : trans.__('It continues the step of the cell above.');
  return (
    <>
      <div className="jp-kernelpipe-Section-step">
        <Combo
          id="jp-kernelpipe-step"
          label={trans.__('Step')}
          value={step ?? ''}
          placeholder={trans.__('none; type a name')}
          options={stepNames(session)}
          savesOnBlur={true}
          isDisabled={isDisabled}
          onCommit={name =>
            session.edit({ kind: 'step', ids, step: name === '' ? null : name })
          }
        />
        <Button
          label={trans.__('Rename…')}
          command={CommandIDs.renameStep}
          disabled={isDisabled || step === null}
          onClick={event => {
            if (step !== null) {
              props.onRename(step, event.currentTarget);
            }
          }}
        />
      </div>
      {says !== '' && <Note text={says} />}
    </>
  );
}

/** The cell's role: one button for each. */
function CellRole(props: ICellPart): JSX.Element {
  const { session, trans, mark, ids, isDisabled } = props;
  const current = mark.role === 'step' ? null : mark.role;
  return (
    <Choices
      id="jp-kernelpipe-role"
      label={trans.__('Role')}
      choices={ROLES.map(role => ({
        value: role,
        label: roleText(trans, role),
        caption: roleCaption(trans, role)
      }))}
      current={current}
      isDisabled={isDisabled}
      onChoose={async role => {
        if (role !== current || ids.length > 1) {
          await session.edit({ kind: 'role', ids, role });
        }
      }}
    />
  );
}

interface IStepPart {
  session: INotebookSession;
  step: IStep;
  trans: TranslationBundle;
  isDisabled: boolean;
}

/** What holds for the whole step, wherever in it the cell stands. */
function StepPart(props: IStepPart): JSX.Element {
  const { step, trans } = props;
  return (
    <fieldset className="jp-kernelpipe-Section-settings">
      <legend>{trans.__('Step %1', step.name)}</legend>
      <Order {...props} />
      <StepSettings {...props} />
    </fieldset>
  );
}

/** Which steps it starts after. */
function Order({ session, step, trans, isDisabled }: IStepPart): JSX.Element {
  const { error, save } = useSaving();
  const [pending, setPending] = React.useState<{
    name: string;
    isAfter: boolean;
  } | null>(null);
  const analysis = session.analysis;
  const others = stepNames(session).filter(name => name !== step.name);
  const said = new Set(
    analysis?.cells
      .filter(mark => mark.step === step.name)
      .flatMap(mark => mark.after)
  );
  const byData = new Set(
    analysis?.edges
      .filter(edge => edge.to === step.name && edge.kind === 'data')
      .map(edge => edge.from)
  );
  const set = async (name: string, isAfter: boolean): Promise<void> => {
    setPending({ name, isAfter });
    const after = others.filter(each =>
      each === name ? isAfter : said.has(each)
    );
    const ids = headOf(session, step);
    await save(session.edit({ kind: 'order', ids, after }));
    setPending(null);
  };
  return (
    <Group
      id="jp-kernelpipe-order"
      label={trans.__('Starts after')}
      error={error}
    >
      {others.length === 0 && (
        <Note text={trans.__('There are no other steps.')} />
      )}
      <ul className="jp-kernelpipe-Order">
        {others.map(name => (
          <li key={name}>
            <label>
              <input
                type="checkbox"
                checked={
                  pending?.name === name ? pending.isAfter : said.has(name)
                }
                disabled={isDisabled}
                onChange={event => void set(name, event.target.checked)}
              />
              <span>{name}</span>
              {byData.has(name) && (
                <small>{trans.__('already, by its data')}</small>
              )}
            </label>
          </li>
        ))}
      </ul>
    </Group>
  );
}
