/**
 * What the cells of a notebook show: from the server's answers to data attributes.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type {
  IAnalysis,
  ICellMark,
  IDiagnostic,
  IRunDetail,
  IStepError,
  IStepRun,
  State
} from '../api';
import { colourOf } from '../icons';
import { stateText } from '../states';
import { durationText } from '../texts';

/** Data attributes without their prefix -> values; what is not there is not set. */
export type Marks = { [name in MarkName]?: string };

/** The attributes, each `data-kernelpipe-NAME`. */
const MARK_NAMES = [
  'step',
  'role',
  'colour',
  'label',
  'first',
  'problem',
  'state',
  'status',
  'error'
] as const;

type MarkName = (typeof MARK_NAMES)[number];

/** The states of a cell of several steps: the first that one of them has is shown. */
const BY_WEIGHT: State[] = [
  'FAILED',
  'RUNNING',
  'CANCELING',
  'CANCELED',
  'PENDING',
  'SUCCEEDED',
  'SKIPPED'
];

/** Icons as characters, as CSS content can have them; always beside a word. */
const GLYPHS: { [name in State]: string } = {
  PENDING: '○',
  RUNNING: '▶',
  SUCCEEDED: '✓',
  SKIPPED: '⊘',
  FAILED: '✗',
  CANCELING: '■',
  CANCELED: '■'
};

/** Return the marks of the cells: cell id -> its place in the pipeline. */
export function pipelineMarks(
  trans: TranslationBundle,
  analysis: IAnalysis,
  diagnostics: IDiagnostic[]
): Map<string, Marks> {
  const marks = new Map<string, Marks>();
  let before = '';
  for (const cell of analysis.cells) {
    if (cell.role === null) {
      continue;
    }
    const group = `${cell.role} ${cell.step ?? ''}`;
    marks.set(cell.id, placeOf(trans, cell, group !== before));
    before = group;
  }
  for (const diagnostic of diagnostics) {
    if (diagnostic.cell_id !== null && diagnostic.line === null) {
      const mark = marks.get(diagnostic.cell_id) ?? {};
      mark.problem ??= problemText(diagnostic);
      marks.set(diagnostic.cell_id, mark);
    }
  }
  return marks;
}

/**
 * Add to the marks what a run did.
 *
 * @param isCurrent - Whether a cell says what it said when the run began.
 * @param idAt - The id of the cell that the run counted; undefined when that is unknown.
 */
export function addRunMarks(
  trans: TranslationBundle,
  marks: Map<string, Marks>,
  analysis: IAnalysis,
  detail: IRunDetail,
  isCurrent: (id: string) => boolean,
  idAt: (index: number) => string | undefined
): void {
  const steps = new Map(detail.steps.map(step => [step.name, step]));
  const begun = new Map<string, State[]>();
  for (const { cell, cell_id, state } of detail.cells) {
    const id = cell_id ?? idAt(cell);
    if (id !== undefined) {
      begun.set(id, [...(begun.get(id) ?? []), state]);
    }
  }
  const edited = new Set(
    analysis.cells.filter(({ id }) => !isCurrent(id)).map(({ step }) => step)
  );
  for (const cell of analysis.cells) {
    const mark = marks.get(cell.id);
    if (mark && isCurrent(cell.id)) {
      const step = cell.step === null ? undefined : steps.get(cell.step);
      const isWhole = cell.role === 'step' && !edited.has(cell.step);
      const state = stateOf(begun.get(cell.id), step, cell);
      addState(trans, mark, state, isWhole ? step : undefined);
    }
  }
  for (const { id, error } of failures(detail, idAt)) {
    const mark = marks.get(id);
    if (mark && isCurrent(id)) {
      mark.state = 'FAILED';
      mark.error = errorText(error);
      mark.status = `${GLYPHS.FAILED} ${stateText(trans, 'FAILED')} · ${mark.error}`;
    }
  }
}

/** Return the failed cells of a run, with why they failed. */
export function failures(
  detail: IRunDetail,
  idAt: (index: number) => string | undefined
): { id: string; error: IStepError }[] {
  const found = [];
  for (const { error } of detail.steps) {
    const id =
      error === null
        ? undefined
        : (error.cell_id ??
          (error.cell === null ? undefined : idAt(error.cell)));
    if (error !== null && id !== undefined) {
      found.push({ id, error });
    }
  }
  return found;
}

/** Return an exception as a line. */
export function errorText(error: IStepError): string {
  const line = error.evalue.split('\n', 1)[0] ?? '';
  return line ? `${error.ename}: ${line}` : error.ename;
}

/** Give a node these marks and no others. */
export function setMarks(node: HTMLElement, marks: Marks | undefined): void {
  for (const name of MARK_NAMES) {
    const attribute = `data-kernelpipe-${name}`;
    const value = marks?.[name];
    if (value === undefined) {
      node.removeAttribute(attribute);
    } else if (node.getAttribute(attribute) !== value) {
      node.setAttribute(attribute, value);
    }
  }
}

function placeOf(
  trans: TranslationBundle,
  cell: ICellMark,
  isFirst: boolean
): Marks {
  const marks: Marks = { role: cell.role ?? undefined };
  if (cell.step !== null) {
    marks.step = cell.step;
  }
  if (cell.colour !== null) {
    marks.colour = String(colourOf(cell.colour));
  }
  if (isFirst || cell.is_tagged) {
    marks.label = labelOf(trans, cell);
  }
  if (isFirst) {
    marks.first = '';
  }
  return marks;
}

function labelOf(trans: TranslationBundle, cell: ICellMark): string {
  switch (cell.role) {
    case 'imports':
      return trans.__('imports');
    case 'functions':
      return trans.__('functions');
    case 'parameters':
      return trans.__('parameters');
    case 'skip':
      return trans.__('skipped');
    case 'test':
      return trans.__('test');
    case 'metrics':
      return cell.step === null
        ? trans.__('metrics')
        : trans.__('metrics of %1', cell.step);
    default:
      return cell.step ?? '';
  }
}

function problemText({ severity, code, message }: IDiagnostic): string {
  const glyph = severity === 'error' ? '✗' : severity === 'warning' ? '⚠' : 'ℹ';
  return `${glyph} ${code} ${message}`;
}

/** Return what a cell did; null when there is nothing to tell. */
function stateOf(
  begun: State[] | undefined,
  step: IStepRun | undefined,
  cell: ICellMark
): State | null {
  if (begun) {
    return BY_WEIGHT.find(state => begun.includes(state)) ?? null;
  }
  if (!step || cell.role === 'skip') {
    return null;
  }
  switch (step.state) {
    case 'PENDING':
    case 'RUNNING':
      return 'PENDING';
    case 'SUCCEEDED':
    case 'SKIPPED':
      return step.state;
    default:
      return null;
  }
}

/**
 * Set the state; the word for it stands where a step begins, where it tells of the whole
 * step, and at the cell that runs.
 *
 * @param state - What the cell did; null when it did not begin.
 * @param step - The step, if it is as it was run.
 */
function addState(
  trans: TranslationBundle,
  mark: Marks,
  state: State | null,
  step: IStepRun | undefined
): void {
  if (step && mark.first !== undefined) {
    mark.state = state ?? step.state;
    mark.status = `${GLYPHS[step.state]} ${stepStatus(trans, step)}`;
  } else if (state !== null) {
    mark.state = state;
    if (state === 'RUNNING') {
      mark.status = `${GLYPHS.RUNNING} ${trans.__('running…')}`;
    }
  }
}

/** Return the state of a step in words, with how far it is or how long it took. */
export function stepStatus(trans: TranslationBundle, step: IStepRun): string {
  const word = stateText(trans, step.state);
  if (step.state === 'RUNNING' && step.cells_total > 0) {
    return trans.__(
      '%1 · %2 of %3 cells',
      word,
      step.cells_done,
      step.cells_total
    );
  }
  if (step.cached) {
    return trans.__('%1 · reused', word);
  }
  return step.duration_s === null
    ? word
    : `${word} · ${durationText(step.duration_s)}`;
}
