import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import {
  cursorSchema,
  type Detail,
  detailSchema,
  type LineRun,
  type SyncDetails,
  unpackRuns,
} from '@songhua/contracts';
import { ndjsonGzLines } from '@songhua/runtime/ndjson';

// So begins a line of runs. The others are told apart before they are parsed, because there may be millions of runs.
const RUNS = '{"type":"lines"';

/** Gzip of NDJSON: a local file, or what stood in the manifest, of INLINE_PART_BYTES at most. */
export type DetailPart = string | Buffer;

/** Columns, files, warnings and cursor from the detail parts of a landing; line runs are passed over. */
export async function readDetails(parts: readonly DetailPart[]): Promise<SyncDetails> {
  const details: SyncDetails = { columns: [], files: [], cursor: {} };
  const cursor: string[] = [];
  for await (const detail of readParts(parts, (line) => !line.startsWith(RUNS))) {
    if (detail.type === 'columns') details.columns.push(...detail.columns);
    else if (detail.type === 'files') details.files.push(...detail.files);
    else if (detail.type === 'cursor') cursor.push(detail.text);
    else if (detail.type === 'warnings') details.warnings = [...(details.warnings ?? []), ...detail.warnings];
  }
  if (cursor.length > 0) details.cursor = cursorSchema.parse(JSON.parse(cursor.join('')));
  return details;
}

/** The line runs of the detail parts of a landing, a few thousand at a time. */
export async function* readLines(parts: readonly DetailPart[]): AsyncGenerator<LineRun[]> {
  for await (const detail of readParts(parts, (line) => line.startsWith(RUNS)))
    if (detail.type === 'lines') yield unpackRuns(detail);
}

async function* readParts(parts: readonly DetailPart[], wanted: (line: string) => boolean): AsyncGenerator<Detail> {
  for (const part of parts) {
    const packed = typeof part === 'string' ? createReadStream(part) : Readable.from([part]);
    for await (const lines of ndjsonGzLines(packed))
      for (const line of lines) if (wanted(line)) yield detailSchema.parse(JSON.parse(line));
  }
}
