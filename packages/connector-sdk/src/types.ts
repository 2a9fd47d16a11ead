import type { Cursor, LineRun, RejectedRow, SourceColumn, SourceFile } from '@songhua/contracts';
import type { z } from 'zod';

/** What a connector yields while it reads, in this order: `unchanged` alone; or `start`, any `rows`/`rejected`, then `end`. */
export type SourceMessage =
  | { type: 'unchanged'; validators?: Cursor }
  | { type: 'start'; columns: SourceColumn[] }
  /** Canonical CSV (see contracts/records.ts) of whole rows, at most MAX_BATCH_BYTES. */
  | { type: 'rows'; csv: Buffer; rows: number }
  | { type: 'rejected'; rows: RejectedRow[] }
  | { type: 'end'; files: SourceFile[]; lines: LineRun[]; cursor: Cursor };

export interface ReadContext<Config> {
  config: Config;
  secrets: Record<string, string>;
  /** Where the last published (or found unchanged) read ended; undefined on the first read or when everything is to be read. */
  cursor: Cursor | undefined;
  /** Aborted on shutdown, lost lease or time limit. */
  signal: AbortSignal;
  /** A folder of this read's own, removed afterwards, for spooling. */
  tempDir: string;
  limits: SourceLimits;
}

export interface SourceLimits {
  /** Bytes of one source, unpacked. */
  maxBytes: number;
  timeoutMs: number;
}

export interface StreamInfo {
  name: string;
  columns: SourceColumn[];
  rowsEstimate?: number;
}

/**
 * One kind of source. Reading is streaming and stateless: everything it must remember is in the cursor.
 * Failures are SonghuaErrors that say whose they are: a missing file or a login page is the department's (`source.…`).
 */
export interface Connector<Config = unknown> {
  kind: string;
  title: { zh: string; en: string };
  configSchema: z.ZodType<Config>;
  /** Reaches the source without reading it all; throws what `read` would throw. */
  test(context: ReadContext<Config>): Promise<{ message: string }>;
  discover(context: ReadContext<Config>): Promise<StreamInfo[]>;
  read(context: ReadContext<Config>): AsyncIterable<SourceMessage>;
}
