/** Every dimension that a source could grow in. Bytes are of UTF-8 text after decoding unless said otherwise. */
export interface Limits {
  /** One cell. */
  fieldBytes: number;
  /** One row in canonical form; never more than a record batch holds. */
  rowBytes: number;
  columns: number;
  /** The whole source, unpacked. */
  bytes: number;
  /** Unpacked bytes for each packed byte. */
  ratio: number;
  /** Files in an archive. */
  entries: number;
  /** Objects, arrays or elements inside each other. */
  depth: number;
  /** Distinct texts of a workbook, which are held in memory while it is read. */
  sharedBytes: number;
  /** Merged ranges of a workbook, which are held in memory while it is read. */
  mergedRanges: number;
  /** Milliseconds that finding out and reading take together, without what the receiver of the rows takes. */
  timeMs: number;
}

/** Largest canonical CSV in one batch; equal to the `MAX_BATCH_BYTES` of the message contract, which is of this layer too. */
export const BATCH_BYTES = 512 * 1024;

export const DEFAULT_LIMITS: Limits = {
  fieldBytes: BATCH_BYTES,
  rowBytes: BATCH_BYTES,
  // The widest sheet that spreadsheets can write.
  columns: 16_384,
  bytes: 64 * 1024 ** 3,
  // Deflate reaches 1,032; real tables stay below 100.
  ratio: 200,
  // A department sends dozens of files at once, not thousands; each open one keeps its head.
  entries: 1000,
  // Real documents stay below 20.
  depth: 100,
  sharedBytes: 96 * 1024 ** 2,
  // Every second row of the longest sheet; spreadsheets themselves crawl far earlier.
  mergedRanges: 500_000,
  // The largest source allowed passes in a quarter of it.
  timeMs: 60 * 60 * 1000,
};

/**
 * How far a limit may be raised by who does not run the machine: what a row in memory, a table in DuckDB or a worker among others
 * bears. `bytes` and `timeMs` have no bound of their own.
 */
export const LARGEST_LIMITS: Limits = {
  fieldBytes: BATCH_BYTES,
  rowBytes: BATCH_BYTES,
  columns: 16_384,
  bytes: Number.MAX_SAFE_INTEGER,
  // Deflate cannot do more, so the limit is off.
  ratio: 1032,
  entries: 100_000,
  depth: 1000,
  sharedBytes: 256 * 1024 ** 2,
  mergedRanges: 2_000_000,
  timeMs: Number.MAX_SAFE_INTEGER,
};

/** The limits that hold when `given` are asked for. */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  return { ...limits, rowBytes: Math.min(limits.rowBytes, BATCH_BYTES) };
}
