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

/** What becomes of canonical records: those at the ascending positions `drop` are told apart from the rest. */
export interface Sieve {
  /** Takes a piece of the records that stay, a view of the chunk. */
  keep(piece: Buffer): Promise<void>;
  /** Takes the `n`th record to drop, without its line end, cut to `DROPPED_BYTES`. */
  drop(n: number, record: Buffer): Promise<void>;
}

/** No rejected row shows more characters than a quarter of this. */
export const DROPPED_BYTES = 8000;

/** Sifts canonical CSV under one header line; position 0 is the first record below the header, which stays. */
export async function siftRecords(chunks: AsyncIterable<Buffer>, drop: readonly number[], sieve: Sieve): Promise<void> {
  let record = -1;
  let next = 0;
  let quoted = false;
  let dropping = false;
  let dropped: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    const pass = async (to: number): Promise<void> => {
      if (to > from && !dropping) await sieve.keep(chunk.subarray(from, to));
      if (to > from && dropping) dropped.push(Buffer.from(chunk.subarray(from, Math.min(to, from + DROPPED_BYTES))));
      from = to;
    };
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === QUOTE) quoted = !quoted;
      if (byte !== LF || quoted) continue;
      const drops = drop[next] === ++record;
      if (!drops && !dropping) continue;
      await pass(dropping ? i : i + 1);
      if (dropping) {
        await sieve.drop(next - 1, Buffer.concat(dropped).subarray(0, DROPPED_BYTES));
        dropped = [];
        from = i + 1;
      }
      if (drops) next++;
      dropping = drops;
    }
    await pass(chunk.length);
  }
}
