import type { LineRun, LineRuns } from '@songhua/contracts';

/** Line runs that are in memory. */
export const linesOf = (runs: readonly LineRun[]): LineRuns =>
  async function* () {
    yield runs;
  };

export interface LineFinder {
  /** Where a row stands; rows are asked for in ascending order. Those before the first run count as one a line. */
  placeOf(row: number): Promise<{ file: number; line: number }>;
  close(): Promise<void>;
}

/** Tells where rows stand. Holds one piece of the runs at a time. */
export function createLineFinder(lines: LineRuns): LineFinder {
  const pieces = lines()[Symbol.asyncIterator]();
  let piece: readonly LineRun[] = [];
  let at = 0;
  let ended = false;
  let run: LineRun = { row: 0, line: 1, file: 0 };
  return {
    async placeOf(row) {
      while (!ended) {
        const next = piece[at];
        if (next === undefined) {
          const more = await pieces.next();
          ended = more.done === true;
          piece = more.done ? [] : more.value;
          at = 0;
        } else if (next.row <= row) {
          run = next;
          at++;
        } else break;
      }
      return { file: run.file, line: run.line + (row - run.row) * (run.step ?? 1) };
    },
    async close() {
      await pieces.return?.();
    },
  };
}
