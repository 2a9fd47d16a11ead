import { z } from 'zod';
import {
  type Cursor,
  type SourceColumn,
  type SourceFile,
  type SyncWarning,
  sourceColumnSchema,
  sourceFileSchema,
  syncWarningSchema,
} from './records.js';

/**
 * What a manifest holds and a refresh has in memory of one sync, at most, as JSON text: together they stay below `MAX_MANIFEST_BYTES`. A
 * source beyond them is refused before its sync is closed.
 */
export const DETAIL_LIMITS = {
  cursorBytes: 32 * 1024 * 1024,
  files: 100_000,
  fileBytes: 16 * 1024 * 1024,
  columnBytes: 4 * 1024 * 1024,
  /** Those after them are counted. */
  warnings: 1_000,
  /** Characters of one, which is cut there. */
  warningChars: 2_000,
};

/** A manifest of a version or a landing, at most: the limits above, the columns twice, and room for parts and the rest. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/**
 * Where rows stand in the source: row `row` (0-based, within the whole sync) on physical line `line` (1-based) of file number `file`
 * (index into the sync's files), each row after it, until the next run, `step` lines further; 1 when absent.
 */
export interface LineRun {
  row: number;
  line: number;
  file: number;
  step?: number;
}

/** Line runs ascending by row, in pieces; each call reads them from the start, so that nobody holds them all. */
export type LineRuns = () => AsyncIterable<readonly LineRun[]>;

/** What grows with a source beside its rows. */
export interface SyncDetails {
  columns: SourceColumn[];
  files: SourceFile[];
  cursor: Cursor;
  /** What an operator should know; absent when nothing. */
  warnings?: SyncWarning[];
}

const lineDetailSchema = z.object({
  type: z.literal('lines'),
  file: z.int().nonnegative(),
  /** Of the first run. */
  row: z.int().nonnegative(),
  line: z.int().positive(),
  /** Three numbers a run: rows and lines since the run before it (0, 0 for the first), and its step. */
  runs: z.array(z.int()),
});
export type LineDetail = z.infer<typeof lineDetailSchema>;

/** One line of a detail batch. Lists go on in the next detail of the same type; the texts of the cursor, joined, are its JSON. */
export const detailSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('columns'), columns: z.array(sourceColumnSchema) }),
  z.object({ type: z.literal('files'), files: z.array(sourceFileSchema) }),
  z.object({ type: z.literal('warnings'), warnings: z.array(syncWarningSchema) }),
  z.object({ type: z.literal('cursor'), text: z.string() }),
  lineDetailSchema,
]);
export type Detail = z.infer<typeof detailSchema>;

// A detail of as many is about 100 KB, and what a reader has in memory of them at a time.
const RUNS_TOGETHER = 4_096;

/** Line runs as details of a bounded size each. */
export function packRuns(runs: readonly LineRun[]): LineDetail[] {
  const details: LineDetail[] = [];
  let detail: LineDetail | undefined;
  let before: LineRun | undefined;
  for (const run of runs) {
    const { row, line, file, step = 1 } = run;
    if (detail === undefined || before?.file !== file || detail.runs.length >= 3 * RUNS_TOGETHER) {
      detail = { type: 'lines', file, row, line, runs: [0, 0, step] };
      details.push(detail);
    } else detail.runs.push(row - before.row, line - before.line, step);
    before = run;
  }
  return details;
}

/** The line runs of a detail. */
export function unpackRuns({ file, row, line, runs }: LineDetail): LineRun[] {
  const unpacked: LineRun[] = [];
  let [atRow, atLine] = [row, line];
  for (let i = 0; i + 2 < runs.length; i += 3) {
    atRow += runs[i] ?? 0;
    atLine += runs[i + 1] ?? 0;
    const step = runs[i + 2] ?? 1;
    unpacked.push({ row: atRow, line: atLine, file, ...(step !== 1 && { step }) });
  }
  return unpacked;
}
