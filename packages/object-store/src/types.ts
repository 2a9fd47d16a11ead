import type { Readable } from 'node:stream';

export interface ObjectInfo {
  key: string;
  bytes: number;
  etag: string;
  modifiedAt: Date;
}

/** What was sent or what arrived, measured on this side. */
export interface Transferred {
  bytes: number;
  /** Hex. */
  sha256: string;
}

/**
 * The S3 port. Every method throws `SonghuaError` with a code of this package (`object.…`), `retryable` when the store is away.
 * Keys are internal (see `keys` in contracts). Bodies stream; nothing here holds more than one part (8 MiB) of a file in memory.
 */
export interface ObjectStore {
  put(key: string, body: Buffer, contentType: string): Promise<Transferred>;
  putFile(key: string, path: string, contentType: string): Promise<Transferred>;
  /** One single PUT with `If-None-Match: *`. */
  putIfAbsent(key: string, body: Buffer, contentType: string): Promise<'created' | 'exists'>;
  /** `object.missing` when there is none. `range` is inclusive, as in HTTP. */
  read(key: string, range?: { start: number; end: number }): Promise<Readable>;
  /** Refuses with `object.too-large` beyond `maxBytes`. */
  readAll(key: string, maxBytes: number): Promise<Buffer>;
  /** Streams to a local file; returns what arrived. A failed download leaves no file. */
  download(key: string, path: string): Promise<Transferred>;
  stat(key: string): Promise<ObjectInfo | undefined>;
  list(prefix: string): AsyncIterable<ObjectInfo>;
  delete(keys: string[]): Promise<void>;
  ensureBucket(): Promise<void>;
  /** Resolves when the store answers and has the bucket. */
  ping(): Promise<void>;
}

export interface ObjectStoreOptions {
  /** `http://host:port` or `https://…`. */
  endpoint: string;
  accessKey: string;
  secretKey: string;
  bucket: string;
  /** Before every key, for a bucket that others share; callers neither give nor get it. Empty when absent. */
  prefix?: string;
  region?: string;
  /** Longest silence of a connection before a call fails with `object.unavailable`; 30 s. */
  silenceMs?: number;
}
