import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Connector, ReadContext, SourceMessage } from '@songhua/connector-sdk';
import { createNetwork } from '@songhua/connectors';
import type { Cursor, LineRun } from '@songhua/contracts';
import { linesOf, type NormalizeInput, type Tables } from '@songhua/tables';

export interface PipelineOptions {
  tables: Tables;
  connector: Connector;
  config: Record<string, unknown>;
  secrets: Record<string, string>;
  mode: NormalizeInput['mode'];
  primaryKey: string[];
  declared: NonNullable<NormalizeInput['declared']>;
  /** A folder of its own. */
  folder: string;
}

/** Where a sync stops before anything of it is kept; `none`: it ends as it should. */
export type Crash = 'none' | 'reading' | 'refreshing';

/** One dataset that is read and refreshed as the services do it, without queue, broker and catalog between. */
export interface Pipeline {
  sync(options?: { full?: boolean; crash?: Crash }): Promise<void>;
  /** Rows that are served. */
  rows(): Promise<Record<string, unknown>[]>;
}

const network = createNetwork({ allowed: ['127.0.0.1', '::1'] });
type Start = Extract<SourceMessage, { type: 'start' }>;
type End = Extract<SourceMessage, { type: 'end' }>;

/** A dataset that nothing was published of yet. */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { tables, connector, mode, primaryKey } = options;
  let cursor: Cursor | undefined;
  let previous: NormalizeInput['previous'];

  const refresh = async (out: string, start: Start, end: End, read: { csv: Buffer; rows: number; runs: LineRun[] }) => {
    const part = join(out, 'part.csv.gz');
    await writeFile(part, gzipSync(read.csv, { level: 1 }));
    await mkdir(join(out, 'out'));
    return tables.normalize({
      parts: read.rows > 0 ? [part] : [],
      columns: start.columns,
      files: end.files,
      lines: linesOf(read.runs),
      rows: read.rows,
      readerRejected: 0,
      mode,
      scope: start.scope ?? 'part',
      operations: start.operations ?? false,
      reset: false,
      declared: options.declared,
      primaryKey,
      schemaPolicy: 'hold',
      maxRejected: 0,
      maxShrink: 1,
      overrides: ['shrink'],
      ...(previous && { previous }),
      out: join(out, 'out'),
    });
  };

  return {
    async sync({ full = false, crash = 'none' } = {}) {
      const folder = await mkdtemp(join(options.folder, 'sync-'));
      const context: ReadContext<unknown> = {
        config: connector.configSchema.parse(options.config),
        secrets: options.secrets,
        cursor: full ? undefined : cursor,
        signal: new AbortController().signal,
        tempDir: folder,
        limits: { maxBytes: 64 * 1024 * 1024, timeoutMs: 30_000 },
        mode,
        primaryKey,
        network,
      };
      let start: Start | undefined;
      const chunks: Buffer[] = [];
      const runs: LineRun[] = [];
      let rows = 0;
      for await (const message of connector.read(context)) {
        if (message.type === 'unchanged' && crash === 'none') cursor = { ...cursor, ...message.validators };
        if (message.type === 'start') start = message;
        if (message.type === 'rejected') throw new Error(`the reader rejected ${message.rows.length} rows`);
        if (message.type === 'rows') {
          chunks.push(message.csv);
          rows += message.rows;
        }
        if (message.type === 'lines') runs.push(...message.runs);
        if (crash === 'reading') return;
        if (message.type !== 'end' || !start) continue;
        const result = await refresh(folder, start, message, { csv: Buffer.concat(chunks), rows, runs });
        if (crash === 'refreshing') return;
        // Cursor and version go on together, or neither does (I5).
        cursor = message.cursor;
        const [data] = result.files;
        if (data) previous = { ...result, parquet: data.path };
      }
    },
    async rows() {
      if (!previous) return [];
      return (await tables.rows(previous.parquet, { limit: 10_000, offset: 0, where: {} })).rows;
    },
  };
}

/** Removes what `createPipeline` left in its folder. */
export const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
