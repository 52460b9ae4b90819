/**
 * The schedules of the notebook: a form for a new one, and what there is.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { deleteIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ISchedule, IScheduleWords } from '../api';
import { Button, Icon } from '../buttons';
import type { Api } from '../client';
import { Pairs } from '../history/row';
import { stateIcon } from '../icons';
import { valueText } from '../texts';
import { CommandIDs } from '../tokens';
import type { INotebookSession } from '../tokens';
import type { ISectionProps } from './parts';

/** Milliseconds after the last key before a crontab line is looked at. */
const PAUSE_MS = 250;

const NOTHING: IScheduleWords = { words: null, problem: null };

/** Return what the server says of a crontab line, when the user pauses. */
function useWords(api: Api, cron: string | null): IScheduleWords {
  const [words, setWords] = React.useState(NOTHING);
  React.useEffect(() => {
    let isCurrent = true;
    const timer = window.setTimeout(() => {
      const asked =
        cron === null ? Promise.resolve(NOTHING) : api.scheduleWords(cron);
      void asked
        .catch(() => NOTHING) // it is asked again when it is made
        .then(found => isCurrent && setWords(found));
    }, PAUSE_MS);
    return () => {
      isCurrent = false;
      window.clearTimeout(timer);
    };
  }, [api, cron]);
  return words;
}

/** A choice between the two ways to say when. */
function Kind(props: {
  name: string;
  label: string;
  isChosen: boolean;
  onChoose: () => void;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <div className="jp-kernelpipe-Schedule-kind">
      <label>
        <input
          type="radio"
          name={props.name}
          checked={props.isChosen}
          onChange={props.onChoose}
        />
        {props.label}
      </label>
      {props.children}
    </div>
  );
}

/** The form for a new schedule. */
function Form(
  props: ISectionProps & { session: INotebookSession }
): React.JSX.Element {
  const { model, session, trans } = props;
  const { schedules, kernelpipe } = model;
  const id = React.useId();
  const { path } = session;
  const [name, setName] = React.useState(
    PathExt.basename(path, PathExt.extname(path))
  );
  const [isCron, setCron] = React.useState(true);
  const [cron, setLine] = React.useState('0 3 * * *');
  const [minutes, setMinutes] = React.useState('60');
  const { words, problem } = useWords(kernelpipe.api, isCron ? cron : null);
  const wrong = model.drafts.fields(session).find(each => each.error !== null);
  const values = Object.entries(session.given()).map(
    ([each, json]) => `${each} = ${valueText(json)}`
  );
  const given =
    values.length === 0
      ? trans.__('all have their defaults')
      : `${values.join(', ')}; ${trans.__('the others have their defaults')}`;
  const canAdd = !schedules.isBusy && !wrong && !(isCron && problem !== null);
  const add = (): void => {
    if (canAdd) {
      const trigger = isCron ? { cron } : { every: `${minutes.trim()}m` };
      void schedules.add(name.trim(), trigger);
    }
  };
  return (
    <form
      className="jp-kernelpipe-Schedule-form"
      aria-label={trans.__('New schedule')}
      data-kernelpipe-form="schedule"
      onSubmit={event => {
        event.preventDefault();
        add();
      }}
    >
      <label htmlFor={`${id}name`}>{trans.__('Name')}</label>
      <input
        id={`${id}name`}
        type="text"
        value={name}
        onChange={event => setName(event.currentTarget.value)}
      />
      <fieldset>
        <legend>{trans.__('When')}</legend>
        <Kind
          name={`${id}kind`}
          label={trans.__('At times, as a crontab line')}
          isChosen={isCron}
          onChoose={() => setCron(true)}
        >
          <input
            type="text"
            className="jp-mod-code"
            aria-label={trans.__('Crontab line of five fields')}
            aria-describedby={`${id}words`}
            aria-invalid={problem !== null}
            disabled={!isCron}
            value={cron}
            onChange={event => setLine(event.currentTarget.value)}
          />
          <div
            id={`${id}words`}
            role="status"
            className={
              problem === null
                ? 'jp-kernelpipe-PanelHint'
                : 'jp-kernelpipe-PanelHint jp-mod-error'
            }
          >
            {problem?.replace(/\n\s*hint: /, ' – ') ??
              words ??
              trans.__('minute, hour, day of month, month, day of week')}
          </div>
        </Kind>
        <Kind
          name={`${id}kind`}
          label={trans.__('Again and again, every')}
          isChosen={!isCron}
          onChoose={() => setCron(false)}
        >
          <span>
            <input
              type="number"
              min={1}
              step={1}
              required
              aria-label={trans.__('Minutes between two runs')}
              disabled={isCron}
              value={minutes}
              onChange={event => setMinutes(event.currentTarget.value)}
            />{' '}
            {trans.__('minutes')}
          </span>
        </Kind>
      </fieldset>
      <p className="jp-kernelpipe-PanelHint">
        {wrong
          ? trans.__('Parameter %1 has no valid value.', wrong.parameter.name)
          : trans.__('Parameters: %1.', given)}
      </p>
      <p className="jp-kernelpipe-PanelHint">
        {trans.__(
          'Saves the notebook; the cluster runs it as it is now: schedule it anew after changing it.'
        )}
      </p>
      <div className="jp-kernelpipe-PanelButtons">
        <Button
          type="submit"
          kind="primary"
          label={
            schedules.isBusy ? trans.__('Scheduling…') : trans.__('Schedule')
          }
          data-kernelpipe-action="schedule"
          aria-busy={schedules.isBusy}
          aria-disabled={!canAdd}
        />
        <Button
          label={trans.__('Cancel')}
          onClick={() => schedules.showForm(false)}
        />
      </div>
    </form>
  );
}

/** One schedule with what can be done with it. */
function Row(
  props: ISectionProps & { schedule: ISchedule }
): React.JSX.Element {
  const { model, schedule, trans } = props;
  const { name, enabled, words, problem, message } = schedule;
  const { schedules } = model;
  const remove = async (): Promise<void> => {
    const answer = await showDialog({
      title: trans.__('Delete the schedule?'),
      body: trans.__(
        "'%1' will start no more runs. Those that it has started stay.",
        name
      ),
      buttons: [
        Dialog.cancelButton(),
        Dialog.warnButton({ label: trans.__('Delete') })
      ]
    });
    if (answer.button.accept) {
      await schedules.change(schedule, 'delete');
    }
  };
  const state =
    enabled === null
      ? trans.__('Not known')
      : enabled
        ? trans.__('On')
        : trans.__('Paused');
  return (
    <li
      className="jp-kernelpipe-Schedule-row"
      data-kernelpipe-schedule={schedule.key}
      data-kernelpipe-enabled={String(enabled)}
    >
      <div className="jp-kernelpipe-Schedule-body">
        <strong>{name}</strong>
        <span>
          {state} · {words}
        </span>
        {(problem ?? message) !== null && (
          <span className="jp-kernelpipe-PanelHint">{problem ?? message}</span>
        )}
        <Pairs label={trans.__('Parameters')} values={schedule.given} />
      </div>
      {enabled !== null && (
        <Button
          kind="icon"
          icon={enabled ? stopIcon : runIcon}
          label={
            enabled ? trans.__('Pause %1', name) : trans.__('Resume %1', name)
          }
          disabled={schedules.isBusy}
          onClick={() =>
            void schedules.change(schedule, enabled ? 'pause' : 'resume')
          }
        />
      )}
      <Button
        kind="icon"
        icon={deleteIcon}
        label={trans.__('Delete schedule %1…', name)}
        disabled={schedules.isBusy}
        onClick={() => void remove()}
      />
    </li>
  );
}

/** The form, if it is wanted, and the schedules, if there are any. */
export function Scheduling(props: ISectionProps): React.JSX.Element | null {
  const { model, commands, trans } = props;
  const { schedules, session } = model;
  const { list, isFormShown, notice } = schedules;
  if (session === null || (list.length === 0 && !isFormShown && !notice)) {
    return null;
  }
  return (
    <section
      className="jp-kernelpipe-Schedules"
      aria-label={trans.__('Schedules')}
    >
      <div className="jp-kernelpipe-Schedules-head">
        <h3>{trans.__('Schedules on Kubeflow')}</h3>
        {!isFormShown && (
          <Button
            kind="link"
            label={trans.__('New…')}
            command={CommandIDs.schedule}
            disabled={!commands.isEnabled(CommandIDs.schedule)}
            onClick={() => void commands.execute(CommandIDs.schedule)}
          />
        )}
      </div>
      {isFormShown && <Form key={session.path} {...props} session={session} />}
      {notice !== null && (
        <div className="jp-kernelpipe-PanelNotice" role="alert">
          <Icon icon={stateIcon('FAILED')} />
          <span>{notice}</span>
        </div>
      )}
      {list.length > 0 && (
        <ul aria-label={trans.__('Schedules')}>
          {list.map(schedule => (
            <Row {...props} key={schedule.key} schedule={schedule} />
          ))}
        </ul>
      )}
    </section>
  );
}
