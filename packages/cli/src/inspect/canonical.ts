import type { Cursor } from './cursor.js';

const QUOTE = 0x22;
const LF = 0x0a;

/** One canonical CSV line of `cells`, with its line end. */
export function canonicalLine(cells: readonly string[]): string {
  const [only] = cells;
  // A record of one blank cell would otherwise be a blank line, which is no record.
  if (cells.length === 1 && only === '') return '""\n';
  const text = cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${text.join(',')}\n`;
}

/** What becomes of canonical records: those to drop are told apart from the rest. */
export interface Sieve<D> {
  /** Takes a piece of the records that stay, a view of the chunk. */
  keep(piece: Buffer): Promise<void>;
  /** Takes a record to drop, without its line end, cut to `DROPPED_BYTES`. */
  drop(which: D, record: Buffer): Promise<void>;
}

/** No rejected row shows more characters than a quarter of this. */
export const DROPPED_BYTES = 8000;

/**
 * Sifts canonical CSV under one header line; row 0 is the first record below the header, which stays. `drop` names what to drop in the
 * order of the rows.
 */
export async function siftRecords<D extends { row: number }>(
  chunks: AsyncIterable<Buffer>,
  drop: Cursor<D>,
  sieve: Sieve<D>,
): Promise<void> {
  let record = -1;
  let quoted = false;
  let dropping: D | undefined;
  let dropped: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    const pass = async (to: number): Promise<void> => {
      if (to > from && dropping === undefined) await sieve.keep(chunk.subarray(from, to));
      if (to > from && dropping !== undefined)
        dropped.push(Buffer.from(chunk.subarray(from, Math.min(to, from + DROPPED_BYTES))));
      from = to;
    };
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === QUOTE) quoted = !quoted;
      if (byte !== LF || quoted) continue;
      const drops = drop.current?.row === ++record;
      if (!drops && dropping === undefined) continue;
      await pass(dropping === undefined ? i + 1 : i);
      if (dropping !== undefined) {
        await sieve.drop(dropping, Buffer.concat(dropped).subarray(0, DROPPED_BYTES));
        dropped = [];
        from = i + 1;
      }
      dropping = drops ? drop.current : undefined;
      if (drops) await drop.advance();
    }
    await pass(chunk.length);
  }
}
