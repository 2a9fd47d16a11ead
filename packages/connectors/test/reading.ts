import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connector, cellsOf, type Network, type ReadContext, type SourceMessage } from '@songhua/connector-sdk';
import type { Cursor, LineRun, SyncRange } from '@songhua/contracts';
import type { SyncMode } from '@songhua/domain';
import { createNetwork } from '../src/index.js';

export const LOOPBACK = createNetwork({ allowed: ['127.0.0.1', '::1'] });

export interface ReadOnceOptions {
  department?: string;
  cursor?: Cursor | undefined;
  secrets?: Record<string, string>;
  maxBytes?: number;
  timeoutMs?: number;
  mode?: SyncMode;
  primaryKey?: string[];
  range?: SyncRange;
  /** Reaches loopback when absent. */
  network?: Network;
  signal?: AbortSignal;
}

/** Reads `config` to the end with `connector`, in a folder that is gone afterwards. */
export async function readOnce<Config>(
  connector: Connector<Config>,
  config: unknown,
  options: ReadOnceOptions = {},
): Promise<SourceMessage[]> {
  const tempDir = await mkdtemp(join(tmpdir(), 'songhua-read-'));
  const context: ReadContext<Config> = {
    config: connector.configSchema.parse(config),
    secrets: options.secrets ?? {},
    cursor: options.cursor,
    signal: options.signal ?? new AbortController().signal,
    tempDir,
    limits: { maxBytes: options.maxBytes ?? 64 * 1024 * 1024, timeoutMs: options.timeoutMs ?? 30_000 },
    mode: options.mode ?? 'full',
    primaryKey: options.primaryKey ?? [],
    ...(options.range ? { range: options.range } : {}),
    ...(options.department ? { department: options.department } : {}),
    network: options.network ?? LOOPBACK,
  };
  try {
    const messages: SourceMessage[] = [];
    for await (const message of connector.read(context)) messages.push(message);
    return messages;
  } finally {
    await rm(tempDir, { recursive: true, force: true });
  }
}

export const rowsOf = (messages: SourceMessage[]): string[][] =>
  messages.flatMap((message) => (message.type === 'rows' ? cellsOf(message.csv, message.rows) : []));

export function endOf(messages: SourceMessage[]): Extract<SourceMessage, { type: 'end' }> {
  const end = messages.find((message) => message.type === 'end');
  if (end?.type !== 'end') throw new Error(`no end among ${messages.map((message) => message.type).join(', ')}`);
  return end;
}

export const runsOf = (messages: SourceMessage[]): LineRun[] =>
  messages.flatMap((message) => (message.type === 'lines' ? message.runs : []));

export const typesOf = (messages: SourceMessage[]): string[] => messages.map((message) => message.type);
