import { type FileHandle, open } from 'node:fs/promises';
import type { RejectedRow, TableBatch } from '@songhua/formats';

/** Batches put aside until it is known whether they are wanted. */
export interface BatchSpool {
  put(batch: TableBatch): Promise<void>;
  replay(): AsyncGenerator<TableBatch>;
  close(): Promise<void>;
}

/** A spool in the file `path`, which the owner of its folder removes; what it keeps in memory is a few bytes a batch. */
export async function createBatchSpool(path: string): Promise<BatchSpool> {
  const file: FileHandle = await open(path, 'w+');
  const order: ({ type: 'rows'; bytes: number; rows: number } | { type: 'rejected'; rows: RejectedRow[] })[] = [];
  return {
    async put(batch) {
      if (batch.type === 'rejected') return void order.push(batch);
      await file.appendFile(batch.csv);
      order.push({ type: 'rows', bytes: batch.csv.length, rows: batch.rows });
    },
    async *replay(): AsyncGenerator<TableBatch> {
      let at = 0;
      for (const batch of order) {
        if (batch.type === 'rejected') {
          yield batch;
          continue;
        }
        const csv = Buffer.allocUnsafe(batch.bytes);
        await file.read(csv, 0, batch.bytes, at);
        at += batch.bytes;
        yield { type: 'rows', csv, rows: batch.rows, lines: [] };
      }
    },
    close: () => file.close(),
  };
}
