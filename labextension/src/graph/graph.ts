/**
 * What the graph shows: from the server's answers to nodes and edges with texts.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type {
  IAnalysis,
  IEdge,
  IRunDetail,
  IStep,
  IStepRun,
  State
} from '../api';
import { flowTexts, gateText, isExit } from '../flow';
import { sizeText } from '../texts';
import { stepStatus } from '../cells/marks';
import { colourOf } from '../icons';

/** A node of the graph. */
export interface INode {
  readonly id: string;
  readonly kind: 'step' | 'parameters';
  readonly title: string;
  /** The second line. */
  readonly line: string;
  /** What decides whether and how often it runs; "" for nothing. */
  readonly note: string;
  readonly state: State | null;
  /** Its place in the palette; null without. */
  readonly colour: number | null;
  /** All that is to be said of it. */
  readonly description: string;
}

/** An edge of the graph. */
export interface IShownEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: 'data' | 'order' | 'parameter' | 'exit';
  /** Whether the step that it leads to runs only under a condition. */
  readonly isGated: boolean;
  /** Short. */
  readonly text: string;
  /** In full. */
  readonly title: string;
}

/** A pipeline, perhaps with what a run did. */
export interface IGraph {
  readonly nodes: readonly INode[];
  readonly edges: readonly IShownEdge[];
}

/** The id of the node of the parameters; no step can have this name. */
export const PARAMETERS = ':parameters';

/** How many steps leave room for the parameters. */
const MOST_STEPS_WITH_PARAMETERS = 30;

/** How many names an edge shows. */
const MOST_NAMES = 2;

/** What the graph needs of a pipeline. */
interface ISource {
  steps: { name: string; line: string; step: IStep }[];
  edges: (IEdge & { bytes?: number | null })[];
  /** step -> parameters that it reads. */
  reads: Map<string, string[]>;
}

/**
 * Return the graph of a notebook, with the states and sizes of a run where its steps are
 * still there.
 */
export function notebookGraph(
  trans: TranslationBundle,
  analysis: IAnalysis,
  detail: IRunDetail | null
): IGraph {
  const parameters = new Set(analysis.parameters.map(each => each.name));
  const carried = new Map(
    detail?.edges.map(edge => [edgeKey(edge), edge.bytes])
  );
  const source: ISource = {
    steps: analysis.steps.map(step => ({
      name: step.name,
      line: trans._n('%1 cell', '%1 cells', step.cells.length),
      step
    })),
    edges: analysis.edges.map(edge => ({
      ...edge,
      bytes: carried.get(edgeKey(edge))
    })),
    reads: new Map(
      analysis.steps.map(({ name, inputs }) => [
        name,
        inputs
          .filter(input => input.from === null && parameters.has(input.name))
          .map(input => input.name)
      ])
    )
  };
  return graphOf(trans, source, detail);
}

function graphOf(
  trans: TranslationBundle,
  { steps, edges, reads }: ISource,
  detail: IRunDetail | null
): IGraph {
  const runs = new Map(detail?.steps.map(step => [step.name, step]));
  const gated = new Set(
    steps.filter(({ step }) => gateText(step) !== '').map(({ name }) => name)
  );
  const shown: IShownEdge[] = edges.map(edge =>
    edgeOf(trans, edge, gated.has(edge.to))
  );
  shown.push(...exitEdges(trans, steps, edges));
  const nodes: INode[] = steps.map(({ name, line, step }, index) => {
    const run = runs.get(name);
    const status = run ? statusOf(trans, run) : line;
    const before = edges.filter(edge => edge.to === name);
    const flow = flowTexts(trans, step);
    return {
      id: name,
      kind: 'step',
      title: name,
      line: status,
      note: flow?.short ?? '',
      state: run?.state ?? null,
      colour: colourOf(index),
      description: describe(trans, name, status, before, flow?.full ?? '')
    };
  });
  const read = [...reads].filter(([, names]) => names.length > 0);
  if (read.length > 0 && steps.length <= MOST_STEPS_WITH_PARAMETERS) {
    const names = [...new Set(read.flatMap(([, each]) => each))];
    nodes.unshift(parametersNode(trans, names));
    for (const [step, each] of read) {
      const text = shorten(each);
      shown.push({
        from: PARAMETERS,
        to: step,
        kind: 'parameter',
        isGated: false,
        text,
        title: each.join(', ')
      });
    }
  }
  return { nodes, edges: shown };
}

function parametersNode(trans: TranslationBundle, names: string[]): INode {
  const title = trans.__('parameters');
  return {
    id: PARAMETERS,
    kind: 'parameters',
    title,
    line: shorten(names),
    note: '',
    state: null,
    colour: null,
    description: `${title}: ${names.join(', ')}`
  };
}

function statusOf(trans: TranslationBundle, run: IStepRun): string {
  if (run.state === 'RUNNING' && run.cells_total === 0 && run.started_at) {
    return stepStatus(trans, {
      ...run,
      duration_s: Math.max(0, Date.now() / 1000 - run.started_at)
    });
  }
  return stepStatus(trans, run);
}

/** Return lines from the last steps to the one that runs when all have ended: it comes last. */
function exitEdges(
  trans: TranslationBundle,
  steps: ISource['steps'],
  edges: ISource['edges']
): IShownEdge[] {
  const [exit] = steps.filter(({ step }) => isExit(step));
  const leading = new Set(edges.map(edge => edge.from));
  const last = steps.filter(each => each !== exit && !leading.has(each.name));
  return exit === undefined
    ? []
    : last.map(({ name: from }) => ({
        from,
        to: exit.name,
        kind: 'exit',
        isGated: false,
        text: '',
        title: trans.__('%1 runs when all other steps have ended', exit.name)
      }));
}

function edgeOf(
  trans: TranslationBundle,
  { from, to, kind, names, files = [], bytes }: ISource['edges'][number],
  isGated: boolean
): IShownEdge {
  if (kind === 'order') {
    const text = shorten(files.map(lastPart));
    const title = trans.__('%1 starts after %2', to, from);
    return { from, to, kind, isGated, text, title: listed(title, files) };
  }
  const size =
    bytes === undefined || bytes === null ? '' : ` · ${sizeText(bytes)}`;
  return {
    from,
    to,
    kind,
    isGated,
    text: shorten(names) + size,
    title: listed(names.join(', ') + size, files)
  };
}

/** Return a text with the files that two steps share. */
function listed(text: string, files: string[]): string {
  return files.length > 0 ? `${text} · ${files.join(', ')}` : text;
}

function lastPart(path: string): string {
  return path.split('/').filter(Boolean).pop() ?? path;
}

function shorten(names: string[]): string {
  const rest = names.length - MOST_NAMES;
  const first = names
    .slice(0, MOST_NAMES)
    .map(name => (name.length > 18 ? `${name.slice(0, 17)}…` : name))
    .join(', ');
  return rest > 0 ? `${first} +${rest}` : first;
}

function describe(
  trans: TranslationBundle,
  name: string,
  status: string,
  before: IEdge[],
  flow: string
): string {
  const parts = before.map(({ from, kind, names, files = [] }) =>
    listed(
      kind === 'order'
        ? trans.__('after %1', from)
        : trans.__('takes %1 from %2', names.join(', '), from),
      files
    )
  );
  return [trans.__('Step %1', name), status, flow, ...parts]
    .filter(part => part !== '')
    .join(', ');
}

function edgeKey({ from, to, kind }: IEdge): string {
  return `${kind} ${from} ${to}`;
}
