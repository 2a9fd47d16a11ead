import type { Carried } from './plan.js';
import { firstRows, type Landed, landedRows, numbered } from './source.js';

/** Rows to be parsed: VARCHAR cells `c0…` in source order. */
export interface CellRows {
  rows: number;
  /** A relation of all of them, and the same for a query that stops after few. */
  all: string;
  first: string;
  /** `all`, or a table made of its rows, with the 0-based position of each row in the source as `_row`. */
  numbered(relation: string): string;
  carried?: Carried;
}

/** The rows as a reader left them. */
export const landedCells = (landed: Landed): CellRows => ({
  rows: landed.rows,
  all: landedRows(landed),
  first: firstRows(landed),
  numbered,
});
