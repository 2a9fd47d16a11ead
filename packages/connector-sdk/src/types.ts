import type { LookupFunction, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type {
  Cursor,
  LineRun,
  RejectedRow,
  SourceColumn,
  SourceFile,
  SyncRange,
  SyncScope,
  SyncWarning,
} from '@songhua/contracts';
import type { ColumnType, SyncMode } from '@songhua/domain';
import type { Decision } from '@songhua/formats';
import type { z } from 'zod';

/** What a connector yields while it reads, in this order: `unchanged` alone; or `start`, any `rows`/`rejected`/`lines`, then `end`. */
export type SourceMessage =
  | { type: 'unchanged'; validators?: Cursor }
  /**
   * `scope`: whether the rows are the whole source or what came since the cursor; when absent, all of it in mode `full`, else a part.
   * `operations`: the first cell of every row says what the row does (see contracts/records.ts); it is not among `columns`.
   * `decisions`: how the source is read, where that was found out.
   */
  | { type: 'start'; columns: SourceColumn[]; scope?: SyncScope; operations?: true; decisions?: Decision[] }
  /** Canonical CSV (see contracts/records.ts) of whole rows, at most MAX_BATCH_BYTES. */
  | { type: 'rows'; csv: Buffer; rows: number }
  | { type: 'rejected'; rows: RejectedRow[] }
  /** Where rows stand, ascending by row over the whole read; a run may come before or after its rows. */
  | { type: 'lines'; runs: LineRun[] }
  | { type: 'end'; files: SourceFile[]; cursor: Cursor; warnings?: SyncWarning[] };

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
  mode: SyncMode;
  /** The dataset's, by column name; empty when it has none. */
  primaryKey: string[];
  /** Read only rows whose cursor value lies in it, and leave the cursor where it is; a kind with `ranges` refuses when its config names none. */
  range?: SyncRange;
  /** For which it is read: folders of other departments are closed to it. */
  department?: string;
  /** The only way to other machines. */
  network: Network;
  /** What was sent to the connector; absent where nothing can be, as in a trial. */
  pushed?: Pushed;
}

/** Content that somebody sent to a connector. */
export interface PushedItem {
  /** Grows with every one that arrives. */
  number: number;
  name: string;
  bytes: number;
  /** Hex. */
  sha256: string;
  /** Nothing that comes after it is read together with it. */
  apart: boolean;
  /** Brings it to `path`. Throws `source.missing` when it is kept no more. */
  fetch(path: string): Promise<void>;
}

export interface Pushed {
  /** In order of arrival: everything after number `after` that is to be read. */
  after(number: number): Promise<PushedItem[]>;
  /** Says which of them are read, before they are: the outcome is theirs. Throws when nothing is to be read, for the caller to let through. */
  reading(items: PushedItem[]): Promise<void>;
}

/** Where a connector may connect to. Errors are `connector.address-refused`, `source.unreachable`, `source.timeout`, `source.refused` (TLS). */
export interface Network {
  /** Throws `connector.address-refused` for a host that is written as an address that may not be reached, in any notation. */
  check(host: string): void;
  /** For libraries that resolve names themselves: fails when any answer may not be reached, so rebinding finds no gap. */
  lookup: LookupFunction;
  /** A connected socket; the address that was checked is the one connected to. */
  connect(target: Target): Promise<Socket>;
  /** The same with TLS 1.2 or newer, the certificate verified against `ca` or the public roots, for `serverName` or the host. */
  connectTls(target: Target & { serverName?: string; ca?: string }): Promise<TLSSocket>;
}

export interface Target {
  host: string;
  port: number;
  /** 10 s when absent. */
  timeoutMs?: number;
  signal?: AbortSignal;
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
  /** Types by column name, where the source knows them. */
  types?: Record<string, ColumnType>;
  /** What the source has as key, and what looks like a cursor: columns that only grow, the best first. */
  key?: string[];
  cursors?: string[];
  /** How it is read, where that was found out. */
  decisions?: Decision[];
  /** Fields of the config that make it read this stream; undefined ones are to be left out. Absent: it does already. */
  config?: Record<string, unknown>;
}

/**
 * One kind of source. Reading is streaming and stateless: everything it must remember is in the cursor.
 * Failures are SonghuaErrors that say whose they are: a missing file or a login page is the department's (`source.…`).
 */
export interface Connector<Config = unknown> {
  kind: string;
  title: { zh: string; en: string };
  configSchema: z.ZodType<Config>;
  /** Reads ranges of cursor values, where its config names a cursor. Of other kinds a range is refused before they are asked. */
  ranges?: true;
  /** Reaches the source without reading it all; throws what `read` would throw. */
  test(context: ReadContext<Config>): Promise<{ message: string }>;
  discover(context: ReadContext<Config>): Promise<StreamInfo[]>;
  read(context: ReadContext<Config>): AsyncIterable<SourceMessage>;
}
