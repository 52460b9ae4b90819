/**
 * Values of parameters as text in fields, and as JSON: numbers of JavaScript would lose digits
 * and the difference between `1` and `1.0`.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IParameter } from '../api';

/** A value as JSON, or in words why a text is none. */
export type Parsed =
  { json: string; error: null } | { json: undefined; error: string };

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const failed = (error: string): Parsed => ({ json: undefined, error });

const read = (json: string): Parsed => ({ json, error: null });

/** Return a value as its field shows it. */
export function textOf(parameter: IParameter, json: string): string {
  if (json === 'null' && parameter.nullable) {
    return '';
  }
  const isText = parameter.type === 'str' && json.startsWith('"');
  return isText ? (JSON.parse(json) as string) : json;
}

/** Return whether two values of a parameter are the same, however they are written. */
export function isSame(
  parameter: IParameter,
  one: string,
  other: string
): boolean {
  if (parameter.type === 'float' && Number(one) === Number(other)) {
    return true;
  }
  return bare(one) === bare(other);
}

/** Return JSON without spaces between its parts. */
function bare(json: string): string {
  return json.replace(/("(?:\\.|[^"\\])*")|\s+/g, '$1');
}

/** Return what a text means for a parameter. */
export function parse(
  trans: TranslationBundle,
  parameter: IParameter,
  text: string
): Parsed {
  switch (parameter.type) {
    case 'str':
      return read(JSON.stringify(text));
    case 'bool':
      return text === 'true' || text === 'false'
        ? read(text)
        : failed(trans.__('Choose yes or no.'));
    case 'int':
      return parseInteger(trans, text.trim());
    case 'float':
      return parseFloatingPoint(trans, text.trim());
    default:
      return parseJSON(trans, parameter, text);
  }
}

function parseInteger(trans: TranslationBundle, text: string): Parsed {
  return /^[+-]?\d+$/.test(text)
    ? read(String(BigInt(text.replace('+', ''))))
    : failed(trans.__('Write a whole number, like 3 or -12.'));
}

function parseFloatingPoint(trans: TranslationBundle, text: string): Parsed {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) {
    return failed(trans.__('Write a number, like 0.5 or 1e-3.'));
  }
  return read(NUMBER.test(text) ? text : String(value));
}

function parseJSON(
  trans: TranslationBundle,
  parameter: IParameter,
  text: string
): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (reason) {
    const what = reason instanceof Error ? reason.message : String(reason);
    return failed(trans.__('This is not JSON yet: %1', what));
  }
  if (parameter.type === 'list' && !Array.isArray(value)) {
    return failed(trans.__('Write a list, like [1, 2, 3].'));
  }
  const isObject =
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return parameter.type === 'dict' && !isObject
    ? failed(trans.__('Write an object, like {"name": 1}.'))
    : read(text);
}
