import type { SourceMessage } from '@songhua/connector-sdk';
import { shiftRuns, throwIfAborted } from '@songhua/connector-sdk';
import { OPERATIONS, type SourceColumn } from '@songhua/contracts';
import { DEFAULT_LIMITS, nameColumns, RowWriter, type TableBatch } from '@songhua/formats';
import { type Place, reached } from './rounds.js';
import type { Kept, Spool } from './spool.js';

export interface EmitOptions {
  spool: Spool;
  partitions: number[];
  topic: string;
  operations: boolean;
  /** Everything before it is gone. */
  cut: Place | undefined;
  /** Nothing from it on. */
  end: Place | undefined;
  /** Whether anything may have been delivered before this read. */
  hasBefore: boolean;
  signal: AbortSignal;
}

export interface Emitted {
  /** By partition: where what was held back begins. */
  stoppedAt: Map<number, bigint>;
  /** By partition: whether its last change delivered was of a snapshot. */
  snapshot: Map<number, boolean>;
}

export const columnsOf = (spool: Spool): SourceColumn[] => nameColumns(spool.columns());

/** Yields what was put aside as rows: all that is before the cut, the cut, and what is between it and the end; partition after partition. */
export async function* emitRows(options: EmitOptions): AsyncGenerator<SourceMessage, Emitted> {
  const { spool, partitions, operations, cut, hasBefore, signal } = options;
  const order = new Map(spool.columns().map((name, index) => [name, index + (operations ? 1 : 0)]));
  const emitted: Emitted = { stoppedAt: new Map(), snapshot: new Map() };
  let rows = 0;
  let something = hasBefore;
  const write = async function* (
    file: number,
    kept: AsyncGenerator<Kept[]>,
    before: boolean,
  ): AsyncGenerator<SourceMessage> {
    const writer = new RowWriter({
      name: `${options.topic}/${partitions[file]}`,
      columns: order.size + (operations ? 1 : 0),
      limits: DEFAULT_LIMITS,
      encoding: 'utf-8',
      fieldOf: (column) => [...order].find(([, at]) => at === column)?.[0],
    });
    const firstRow = rows;
    const toMessages = (batch: TableBatch): SourceMessage[] => {
      something = true;
      if (batch.type === 'rejected') return [{ type: 'rejected', rows: batch.rows.map((row) => ({ ...row, file })) }];
      const runs = shiftRuns(batch.lines, firstRow, file);
      rows += batch.rows;
      return [
        { type: 'lines', runs },
        { type: 'rows', csv: batch.csv, rows: batch.rows },
      ];
    };
    for await (const block of kept) {
      throwIfAborted(signal);
      const rejected: Kept[] = [];
      for (const one of block) {
        const { row } = one;
        if (!row) {
          rejected.push(one);
          continue;
        }
        emitted.snapshot.set(partitions[file] ?? 0, one.snapshot);
        // A truncate that is not the cut was undone by it, or is the cut itself as another partition saw it.
        if (row.op === OPERATIONS.truncate) continue;
        const cells = new Array<string>(order.size + (operations ? 1 : 0)).fill('');
        if (operations) cells[0] = row.op;
        row.names.forEach((name, index) => {
          cells[order.get(name) ?? 0] = row.cells[index] ?? '';
        });
        writer.write(cells, { line: Number(one.offset) + 1 });
      }
      for (const batch of writer.take()) yield* toMessages(batch);
      if (rejected.length > 0) {
        something ||= before;
        yield { type: 'rejected', rows: rejected.map((one) => rejectedRow(one, file, options)) };
      }
    }
    for (const batch of writer.finish()) yield* toMessages(batch);
  };

  const from = new Map<number, number>();
  if (cut) {
    for (const [file, partition] of partitions.entries()) {
      const reader = within(options, partition, { until: cut });
      yield* write(file, reader.blocks, true);
      from.set(partition, reader.passed());
    }
    if (something) {
      const csv = Buffer.from(`${[OPERATIONS.truncate, ...Array(order.size).fill('')].join(',')}\n`);
      yield { type: 'lines', runs: [{ row: rows, line: 1, file: 0 }] };
      rows++;
      yield { type: 'rows', csv, rows: 1 };
    }
  }
  for (const [file, partition] of partitions.entries()) {
    const reader = within(options, partition, { skip: from.get(partition) ?? 0, until: options.end });
    yield* write(file, reader.blocks, false);
    const stopped = reader.stoppedAt();
    if (stopped !== undefined) emitted.stoppedAt.set(partition, stopped);
  }
  return emitted;
}

/** The messages of a partition after the first `skip`, up to the first that lies at or behind `until`. */
function within(
  { spool }: EmitOptions,
  partition: number,
  { skip = 0, until }: { skip?: number; until?: Place | undefined },
): { blocks: AsyncGenerator<Kept[]>; passed(): number; stoppedAt(): bigint | undefined } {
  let passed = 0;
  let stopped: bigint | undefined;
  const blocks = (async function* (): AsyncGenerator<Kept[]> {
    for await (const block of spool.replay(partition)) {
      const first = Math.max(0, skip - passed);
      if (first >= block.length) {
        passed += block.length;
        continue;
      }
      const stop = until ? block.findIndex((one, i) => i >= first && reached(until, { partition, ...one })) : -1;
      const taken = block.slice(first, stop < 0 ? undefined : stop);
      passed += first + taken.length;
      if (taken.length > 0) yield taken;
      if (stop < 0) continue;
      stopped = block[stop]?.offset;
      return;
    }
  })();
  return { blocks, passed: () => passed, stoppedAt: () => stopped };
}

function rejectedRow({ offset, rejected }: Kept, file: number, { partitions, topic }: EmitOptions) {
  const where = `${topic}, partition ${partitions[file]}, offset ${offset}`;
  return {
    file,
    line: Number(offset) + 1,
    code: rejected?.code ?? '',
    message: `${where}: ${rejected?.message ?? ''}`,
    raw: rejected?.raw ?? '',
    ...(rejected?.field === undefined ? {} : { field: rejected.field }),
  };
}
