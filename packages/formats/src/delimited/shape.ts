import { BLANK_WORD, type CellKind, cellKind } from './cells.js';

/** What the rows at the head of a table tell of one column. */
export interface ColumnShape {
  /** The kind that nearly all of its cells have; undefined for text and mixtures. */
  kind: CellKind | undefined;
  blank: 'always' | 'never' | 'sometimes';
}

// With fewer rows "always" and "never" are chance.
const FEWEST_ROWS = 20;
// The head may hold a broken row itself.
const KIND_SHARE = 0.95;

/** The shape of each column, from rows of exactly `columns` cells; undefined where too few rows tell. */
export function columnShapes(rows: string[][], columns: number): ColumnShape[] | undefined {
  const even = rows.filter((row) => row.length === columns);
  if (even.length < FEWEST_ROWS) return undefined;
  return Array.from({ length: columns }, (_, c) => {
    const kinds = new Map<CellKind, number>();
    let filled = 0;
    let words = 0;
    for (const row of even) {
      const cell = row[c] as string;
      const kind = cellKind(cell);
      if (kind === 'empty') continue;
      filled++;
      if (BLANK_WORD.test(cell.trim())) words++;
      else kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const kind = [...kinds].find(([k, n]) => k !== 'text' && n >= (filled - words) * KIND_SHARE)?.[0];
    return { kind, blank: filled === 0 ? 'always' : filled === even.length ? 'never' : 'sometimes' };
  });
}

/** Whether each cell may stand in its column. */
export const fitsShapes = (cells: string[], shapes: ColumnShape[]): boolean =>
  cells.length === shapes.length &&
  cells.every((cell, c) => {
    const { kind, blank } = shapes[c] as ColumnShape;
    const own = cellKind(cell);
    if (own === 'empty') return blank !== 'never';
    return blank !== 'always' && (kind === undefined || own === kind || BLANK_WORD.test(cell.trim()));
  });
