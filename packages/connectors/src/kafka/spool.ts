import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { tooLarge } from '@songhua/connector-sdk';
import type { RejectedRow } from '@songhua/contracts';
import type { Decoded, Operation } from './decode.js';

/** A message as it was put aside. */
export interface Kept {
  offset: bigint;
  at: number;
  snapshot: boolean;
  row?: { op: Operation; names: readonly string[]; cells: readonly string[] };
  rejected?: Pick<RejectedRow, 'code' | 'message' | 'raw' | 'field'>;
}

export interface Incoming {
  offset: string;
  at: number;
  decoded: Exclude<Decoded, { type: 'nothing' }>;
  /** Of a rejected one. */
  raw: string;
}

/** Messages put aside until it is known which columns there are and what still counts; memory holds a few bytes a thousand messages. */
export interface Spool {
  put(partition: number, messages: Incoming[]): Promise<void>;
  /** In order. */
  replay(partition: number): AsyncGenerator<Kept[]>;
  /** Names of all columns: those known before, then in the order in which the partitions first show them. */
  columns(): string[];
  bytes(partition: number): number;
  close(): Promise<void>;
}

type Line = [offset: string, at: number, snapshot: 0 | 1, what: Operation | '!', shape: number, ...cells: string[]];

interface PartitionSpool {
  file: FileHandle;
  blocks: number[];
  bytes: number;
  shapes: Map<string, number>;
  names: string[][];
}

const BLOCK_MESSAGES = 1_000;

export function createSpool(folder: string, maxBytes: number, known: string[] = []): Spool {
  const partitions = new Map<number, PartitionSpool>();
  let total = 0;
  const spoolOf = async (partition: number): Promise<PartitionSpool> => {
    const known = partitions.get(partition);
    if (known) return known;
    const file = await open(join(folder, `partition-${partition}`), 'w+');
    const fresh = { file, blocks: [], bytes: 0, shapes: new Map(), names: [] };
    partitions.set(partition, fresh);
    return fresh;
  };
  return {
    async put(partition, messages) {
      const spool = await spoolOf(partition);
      for (let first = 0; first < messages.length; first += BLOCK_MESSAGES) {
        const lines = messages.slice(first, first + BLOCK_MESSAGES).map((message) => lineOf(message, spool));
        const block = Buffer.from(JSON.stringify(lines));
        total += block.length;
        if (total > maxBytes) throw tooLarge(maxBytes);
        await spool.file.appendFile(block);
        spool.blocks.push(block.length);
        spool.bytes += block.length;
      }
    },
    async *replay(partition) {
      const spool = partitions.get(partition);
      if (!spool) return;
      let at = 0;
      for (const bytes of spool.blocks) {
        const block = Buffer.allocUnsafe(bytes);
        await spool.file.read(block, 0, bytes, at);
        at += bytes;
        yield (JSON.parse(block.toString()) as Line[]).map((line) => keptOf(line, spool.names));
      }
    },
    columns() {
      const inOrder = [...partitions].sort(([a], [b]) => a - b);
      return [...new Set([...known, ...inOrder.flatMap(([, { names }]) => names.flat())])];
    },
    bytes: (partition) => partitions.get(partition)?.bytes ?? 0,
    async close() {
      await Promise.all([...partitions.values()].map(({ file }) => file.close()));
    },
  };
}

function lineOf({ offset, at, decoded, raw }: Incoming, spool: PartitionSpool): Line {
  if (decoded.type === 'rejected')
    return [offset, at, 0, '!', 0, decoded.code, decoded.message, raw, decoded.field ?? ''];
  const { op, cells, snapshot } = decoded;
  const shown = cells.map(([name]) => name);
  const key = JSON.stringify(shown);
  const shape = spool.shapes.get(key) ?? spool.names.push(shown) - 1;
  spool.shapes.set(key, shape);
  return [offset, at, snapshot ? 1 : 0, op, shape, ...cells.map(([, text]) => text)];
}

function keptOf([offset, at, snapshot, what, shape, ...cells]: Line, names: string[][]): Kept {
  const kept = { offset: BigInt(offset), at, snapshot: snapshot === 1 };
  if (what !== '!') return { ...kept, row: { op: what, names: names[shape] ?? [], cells } };
  const [code = '', message = '', raw = '', field = ''] = cells;
  return { ...kept, rejected: { code, message, raw, ...(field === '' ? {} : { field }) } };
}
