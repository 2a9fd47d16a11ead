import type { TableReader } from '@songhua/formats';
import { canonicalLine } from './canonical.js';
import { createFileSink } from './files.js';
import { packRuns } from './lines.js';
import type { Spooled } from './types.js';

export interface SpoolContext {
  signal: AbortSignal;
  /** Told how far reading has come. */
  onRows(rows: number, bytes: number): void;
}

/** Reads a table to disk as `<base>.rows`, `<base>.lines` and `<base>.rejected`. Throws what the reader throws. */
export async function spool(reader: TableReader, base: string, { signal, onRows }: SpoolContext): Promise<Spooled> {
  const rowsPath = `${base}.rows`;
  const rejectedPath = `${base}.rejected`;
  const linesPath = `${base}.lines`;
  let rows = 0;
  let bytes = 0;
  const rowsSink = await createFileSink(rowsPath);
  const rejectedSink = await createFileSink(rejectedPath);
  const linesSink = await createFileSink(linesPath);
  try {
    if (reader.columns.length > 0) await rowsSink.write(canonicalLine(reader.columns.map(({ name }) => name)));
    for await (const batch of reader.batches(signal)) {
      if (batch.type === 'rejected') {
        await rejectedSink.write(batch.rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
        continue;
      }
      await linesSink.write(packRuns(batch.lines));
      await rowsSink.write(batch.csv);
      rows += batch.rows;
      bytes += batch.csv.length;
      onRows(rows, bytes);
    }
  } finally {
    await rowsSink.close();
    await rejectedSink.close();
    await linesSink.close();
  }
  return { rowsPath, rows, rejectedPath, linesPath };
}
