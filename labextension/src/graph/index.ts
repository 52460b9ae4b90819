/**
 * The graph, as a chunk of its own that is loaded when a graph is first shown.
 */
export { NotebookGraph } from './widget';
