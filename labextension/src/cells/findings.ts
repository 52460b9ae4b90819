/**
 * Findings in an editor: a squiggle where it is, its text in a tooltip that opens under the
 * mouse and at the cursor.
 */
import type { EditorState, Extension, Transaction } from '@codemirror/state';
import { StateEffect, StateField } from '@codemirror/state';
import type { DecorationSet, Tooltip } from '@codemirror/view';
import {
  Decoration,
  EditorView,
  hoverTooltip,
  keymap,
  showTooltip,
  tooltips
} from '@codemirror/view';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';

/** What is to be shown at a place of an editor. */
export interface IFinding {
  /** From one. */
  line: number;
  /** From zero; null for the whole line. */
  column: number | null;
  severity: 'error' | 'warning' | 'info';
  /** As "error KP203". */
  title: string;
  message: string;
  hint: string | null;
  /** What stands at other places, with these. */
  related: string[];
}

interface IShown {
  readonly decorations: DecorationSet;
  /** What was given, to see whether there is anything new. */
  readonly given: readonly IFinding[];
  /** What a screen reader tells of the editor. */
  readonly description: string;
  /** At the cursor, when that was moved there. */
  readonly tooltip: Tooltip | null;
}

const NOTHING: IShown = {
  decorations: Decoration.none,
  given: [],
  description: '',
  tooltip: null
};

const setFindings = StateEffect.define<IFinding[]>();
const closeTooltip = StateEffect.define();

/** The findings of an editor; a change to what one marks removes it, until the next analysis. */
const field = StateField.define<IShown>({
  create: () => NOTHING,
  update: (shown, transaction) => {
    let next = shown;
    if (transaction.docChanged) {
      next = moved(shown, transaction);
    }
    for (const effect of transaction.effects) {
      if (effect.is(setFindings)) {
        next = shownOf(transaction.state, effect.value);
      } else if (effect.is(closeTooltip)) {
        next = { ...next, tooltip: null };
      }
    }
    if (transaction.selection && !transaction.docChanged) {
      const { head, empty } = transaction.state.selection.main;
      const tooltip = empty ? tooltipAt(next.decorations, head) : null;
      next = { ...next, tooltip };
    }
    return next;
  },
  provide: self => [
    EditorView.decorations.from(self, shown => shown.decorations),
    showTooltip.from(self, shown => shown.tooltip),
    EditorView.contentAttributes.from(self, ({ description }) =>
      description ? { 'aria-description': description } : NO_ATTRIBUTES
    )
  ]
});

const NO_ATTRIBUTES: { [name: string]: string } = {};

const extension: Extension = [
  field,
  hoverTooltip((view, position) => {
    const { decorations, tooltip } = view.state.field(field);
    const found = tooltipAt(decorations, position);
    return found?.pos === tooltip?.pos ? null : found;
  }),
  keymap.of([
    {
      key: 'Escape',
      // Falls through: the notebook leaves the edit mode as ever.
      run: view => {
        close(view);
        return false;
      }
    }
  ]),
  EditorView.domEventHandlers({
    blur: (_, view) => close(view)
  }),
  tooltips({ position: 'fixed', parent: document.body })
];

/** Show findings in an editor instead of those that it shows; the same array is no news. */
export function showFindings(
  editor: CodeEditor.IEditor,
  findings: IFinding[]
): void {
  if (!(editor instanceof CodeMirrorEditor)) {
    return;
  }
  const view = editor.editor;
  if (view.state.field(field, false) === undefined) {
    if (findings.length === 0) {
      return;
    }
    editor.injectExtension(extension);
  }
  if (view.state.field(field).given !== findings) {
    view.dispatch({ effects: setFindings.of(findings) });
  }
}

function close(view: EditorView): void {
  if (view.state.field(field).tooltip !== null) {
    view.dispatch({ effects: closeTooltip.of(null) });
  }
}

function moved(shown: IShown, { changes }: Transaction): IShown {
  const kept = shown.decorations.update({
    filter: (from, to) => changes.touchesRange(from, to) === false
  });
  return {
    decorations: kept.map(changes),
    given: shown.given,
    description: kept.size === 0 ? '' : shown.description,
    tooltip: null
  };
}

function shownOf(state: EditorState, findings: IFinding[]): IShown {
  const ranges = [];
  for (const finding of findings) {
    const range = rangeOf(state, finding);
    if (range !== null) {
      const mark = Decoration.mark({
        class: `jp-kernelpipe-Finding jp-kernelpipe-mod-${finding.severity}`,
        finding
      });
      ranges.push(mark.range(range.from, range.to));
    }
  }
  return {
    decorations: Decoration.set(ranges, true),
    given: findings,
    description: findings
      .map(({ line, title, message }) => `${title} (${line}): ${message}`)
      .join('; '),
    tooltip: null
  };
}

/**
 * Return what is to be marked: the name at the place, else the character, else the line;
 * null where the editor has no such line or nothing stands in it.
 */
function rangeOf(
  { doc }: EditorState,
  { line, column }: IFinding
): { from: number; to: number } | null {
  if (line < 1 || line > doc.lines) {
    return null;
  }
  const { from, text } = doc.line(line);
  const end = text.trimEnd().length;
  if (end === 0) {
    return null;
  }
  if (column === null) {
    return { from: from + text.search(/\S/), to: from + end };
  }
  // The server counts characters, the editor UTF-16 code units.
  const units = Array.from(text).slice(0, column).join('').length;
  const start = Math.min(units, end - 1);
  const name = /^[\p{L}\p{N}_]+/u.exec(text.slice(start))?.[0] ?? '';
  return { from: from + start, to: from + start + Math.max(name.length, 1) };
}

function tooltipAt(decorations: DecorationSet, at: number): Tooltip | null {
  const found: IFinding[] = [];
  let start = at;
  decorations.between(at, at, (from, _to, { spec }) => {
    found.push((spec as { finding: IFinding }).finding);
    start = Math.min(start, from);
  });
  if (found.length === 0) {
    return null;
  }
  return { pos: start, above: true, create: () => ({ dom: domOf(found) }) };
}

function domOf(findings: IFinding[]): HTMLElement {
  const dom = document.createElement('div');
  dom.className = 'jp-kernelpipe-Findings';
  dom.setAttribute('role', 'tooltip');
  for (const { severity, title, message, hint, related } of findings) {
    const row = document.createElement('div');
    row.className = `jp-kernelpipe-Findings-row jp-kernelpipe-mod-${severity}`;
    for (const [name, text] of [
      ['title', title],
      ['message', message],
      ...related.map(text => ['related', text] as const),
      ['hint', hint]
    ] as const) {
      if (text) {
        const part = document.createElement('div');
        part.className = `jp-kernelpipe-Findings-${name}`;
        part.textContent = text;
        row.append(part);
      }
    }
    dom.append(row);
  }
  return dom;
}
