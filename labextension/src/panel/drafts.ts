/**
 * What the user has typed into the fields of parameters, valid or not yet.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IParameter } from '../api';
import type { INotebookSession } from '../tokens';
import type { Parsed } from './values';
import { isSame, parse, textOf } from './values';

/** One field as it stands. */
export interface IField {
  parameter: IParameter;
  text: string;
  /** Whether it is set to None. */
  isNone: boolean;
  /** Whether its value is not the default, or cannot be read. */
  isChanged: boolean;
  /** Why its text is no value; the parameter keeps its former one meanwhile. */
  error: string | null;
}

/** The texts in the fields of the open notebooks. */
export class Drafts {
  private readonly _texts = new WeakMap<
    INotebookSession,
    Map<string, string>
  >();

  constructor(private readonly _trans: TranslationBundle) {}

  /** Return the fields of a notebook. */
  fields(session: INotebookSession): IField[] {
    return (session.analysis?.parameters ?? []).map(each =>
      this._field(session, each)
    );
  }

  /** Take a text over; its value, too, when it is one. */
  write(session: INotebookSession, parameter: IParameter, text: string): void {
    this._of(session).set(parameter.name, text);
    const parsed = parse(this._trans, parameter, text);
    if (parsed.error === null) {
      this._set(session, parameter, parsed.json);
    }
  }

  /** Set a parameter to None. */
  writeNone(session: INotebookSession, parameter: IParameter): void {
    this._of(session).delete(parameter.name);
    this._set(session, parameter, 'null');
  }

  /** Give a parameter its default. */
  reset(session: INotebookSession, parameter: IParameter): void {
    this._of(session).delete(parameter.name);
    session.setParameter(parameter.name, undefined);
  }

  /** Give all parameters their defaults. */
  resetAll(session: INotebookSession): void {
    this._texts.delete(session);
    session.resetParameters();
  }

  private _of(session: INotebookSession): Map<string, string> {
    let texts = this._texts.get(session);
    if (texts === undefined) {
      texts = new Map<string, string>();
      this._texts.set(session, texts);
    }
    return texts;
  }

  private _set(
    session: INotebookSession,
    parameter: IParameter,
    json: string
  ): void {
    const isDefault = isSame(parameter, json, parameter.default);
    session.setParameter(parameter.name, isDefault ? undefined : json);
  }

  private _field(session: INotebookSession, parameter: IParameter): IField {
    const { name } = parameter;
    const given = session.parameters[name];
    const json = given ?? parameter.default;
    const draft = this._draft(session, parameter, json);
    const isNone = draft === undefined && json === 'null' && parameter.nullable;
    const text = draft ?? textOf(parameter, json);
    const isUntouched = given === undefined && draft === undefined;
    const { error } =
      isNone || isUntouched
        ? { error: null }
        : parse(this._trans, parameter, text);
    const isChanged = given !== undefined || error !== null;
    return { parameter, text, isNone, isChanged, error };
  }

  /** Return what was typed, unless the value has been changed elsewhere since. */
  private _draft(
    session: INotebookSession,
    parameter: IParameter,
    json: string
  ): string | undefined {
    const draft = this._of(session).get(parameter.name);
    if (draft === undefined) {
      return undefined;
    }
    const parsed: Parsed = parse(this._trans, parameter, draft);
    const isOld =
      parsed.error === null && !isSame(parameter, parsed.json, json);
    return isOld ? undefined : draft;
  }
}
