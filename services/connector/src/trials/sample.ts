import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Connector, ReadContext, SourceMessage } from '@songhua/connector-sdk';
import type { LineRun, RejectedRow, SourceColumn, SourceFile, SyncScope } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';

type Start = Extract<SourceMessage, { type: 'start' }>;

/** What was read of a source: a file of canonical CSV, and what was said about it. */
export interface Sample {
  /** Gzip, as record batches are. */
  part: string;
  columns: SourceColumn[];
  rows: number;
  /** The first ones. */
  rejected: RejectedRow[];
  rejectedByCode: Record<string, number>;
  files: SourceFile[];
  /** As many as rows, at most. */
  lines: LineRun[];
  scope: SyncScope | undefined;
  operations: boolean;
  decisions: NonNullable<Start['decisions']>;
  /** The source ended before the bounds were reached. */
  complete: boolean;
}

export interface Bounds {
  rows: number;
  /** Of canonical CSV. */
  bytes: number;
}

// As many as a person looks at.
const MOST_REJECTED = 100;

/** Reads a source from its beginning up to `bounds`, in whole batches. */
export async function readSample(kind: Connector, context: ReadContext<unknown>, bounds: Bounds): Promise<Sample> {
  const part = join(context.tempDir, 'sample.csv.gz');
  const sample: Sample = {
    part,
    columns: [],
    rows: 0,
    rejected: [],
    rejectedByCode: {},
    files: [],
    lines: [],
    scope: undefined,
    operations: false,
    decisions: [],
    complete: false,
  };
  const gzip = createGzip({ level: 1 });
  const file = gzip.pipe(createWriteStream(part));
  const written = finished(file);
  // A failure to write shows when it is awaited; before that it must not end the process.
  written.catch(() => undefined);
  let bytes = 0;
  try {
    for await (const message of kind.read(context)) {
      if (message.type === 'start') {
        sample.columns = message.columns;
        sample.scope = message.scope;
        sample.operations = message.operations ?? false;
        sample.decisions = message.decisions ?? [];
      } else if (message.type === 'rows') {
        if (!gzip.write(message.csv)) await new Promise((resolve) => gzip.once('drain', resolve));
        sample.rows += message.rows;
        bytes += message.csv.length;
        if (sample.rows >= bounds.rows || bytes >= bounds.bytes) break;
      } else if (message.type === 'rejected') {
        for (const { code } of message.rows) sample.rejectedByCode[code] = (sample.rejectedByCode[code] ?? 0) + 1;
        sample.rejected.push(...message.rows.slice(0, MOST_REJECTED - sample.rejected.length));
      } else if (message.type === 'lines') sample.lines.push(...message.runs);
      else if (message.type === 'end') {
        sample.files = message.files;
        sample.complete = true;
      } else
        throw new SonghuaError(
          'connector.no-end',
          `kind ${kind.kind} says unchanged although nothing is known of the source; report this as a defect`,
        );
    }
  } finally {
    gzip.end();
  }
  await written;
  return sample;
}

export const countOf = (byCode: Record<string, number>): number => Object.values(byCode).reduce((sum, n) => sum + n, 0);
