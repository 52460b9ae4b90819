/**
 * What the cells said that a run was given, so that what it did is shown only at cells that
 * still say it.
 */
import type { PartialJSONObject } from '@lumino/coreutils';

/** The sources of a notebook's cells, by their ids (or places) and in their order. */
export type Sources = ReadonlyMap<string, string>;

/**
 * Return the key of a cell without an id: there were none before format 4.5. What a run has
 * executed always has ids, those made from places are `cell-0`, `cell-1`...
 */
export function placeKey(index: number): string {
  return `cell-${index}`;
}

/** Return the sources in a run's own notebook. */
export function sourcesOf(notebook: PartialJSONObject): Sources {
  const cells = notebook.cells as {
    id?: string;
    source: string | string[];
  }[];
  return new Map(
    cells.map(({ id, source }, index) => [
      id ?? placeKey(index),
      Array.isArray(source) ? source.join('') : source
    ])
  );
}
