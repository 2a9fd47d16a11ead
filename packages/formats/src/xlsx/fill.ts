import type { GridRow } from '../rows/grid.js';
import { type MergedRange, referenceOf } from './references.js';

interface Reaching {
  range: MergedRange;
  text: string;
  problem: GridRow['problem'];
}

/**
 * Gives the rows of a sheet, from top to bottom, what its merged ranges show. A range over several rows shows its value for each of
 * them, so every one gets it. A range over several columns keeps it in the first, because columns mean different things: a number
 * repeated in its neighbours would be counted twice. What is stored under a merged cell is shown to nobody and left out.
 */
export class MergedRows {
  private next = 0;
  private reaching: Reaching[] = [];
  /** The row down to which each column is taken; a sheet that merges one cell twice is damaged, and its first range holds. */
  private readonly takenTo: Float64Array;

  /** `ranges` from top to bottom, of which those that begin in row `after` or above belong to titles and header. */
  constructor(
    private readonly ranges: MergedRange[],
    private readonly after: number,
    private readonly columns: number,
  ) {
    this.takenTo = new Float64Array(columns);
  }

  /** The row as shown; undefined when nothing of its own is. */
  shown(row: GridRow): GridRow | undefined {
    const { line } = row;
    const begins = (this.ranges[this.next]?.top ?? Number.POSITIVE_INFINITY) <= line;
    if (line <= this.after || (this.reaching.length === 0 && !begins)) return row;
    const cells = [...row.cells];
    const counts = { down: 0, across: 0, covered: 0 };
    this.reaching = this.reaching.filter(({ range }) => range.bottom >= line);
    for (const { range } of this.reaching) counts.covered += cover(cells, range.left, range.right);
    this.begin(row, cells, counts);
    const merged = counts.across + counts.covered > 0;
    if (row.problem === undefined && !cells.some((cell) => /\S/.test(cell))) return undefined;
    let { problem } = row;
    for (const { range, text, problem: inherited } of this.reaching) {
      if (range.top === line) continue;
      problem ??= inherited;
      if (text === '') continue;
      while (cells.length <= range.left) cells.push('');
      cells[range.left] = text;
      counts.down++;
    }
    if (!merged && counts.down === 0 && problem === row.problem) return row;
    return { ...row, cells, merged: counts, ...(problem === undefined ? {} : { problem }) };
  }

  /** Takes up the ranges that begin in this row, or in blank ones above it. */
  private begin(row: GridRow, cells: string[], counts: NonNullable<GridRow['merged']>): void {
    const { line } = row;
    for (let range = this.ranges[this.next]; range !== undefined && range.top <= line; range = this.ranges[this.next]) {
      this.next++;
      if (range.top <= this.after || range.bottom < line || range.left >= this.columns || !this.take(range)) continue;
      const here = range.top === line;
      const text = here ? (cells[range.left] ?? '') : '';
      const covered = cover(cells, range.left + (here ? 1 : 0), range.right);
      counts.covered += covered;
      if (here && text !== '' && range.right > range.left) counts.across++;
      const problem = row.problem?.field === referenceOf(range.left, range.top) ? row.problem : undefined;
      if (range.bottom > line) this.reaching.push({ range, text, problem });
    }
  }

  private take({ top, left, bottom, right }: MergedRange): boolean {
    const end = Math.min(right, this.columns - 1);
    for (let c = left; c <= end; c++) if ((this.takenTo[c] as number) >= top) return false;
    this.takenTo.fill(bottom, left, end + 1);
    return true;
  }
}

function cover(cells: string[], left: number, right: number): number {
  let covered = 0;
  for (let c = left; c <= right && c < cells.length; c++) {
    if (cells[c] !== '') covered++;
    cells[c] = '';
  }
  return covered;
}
