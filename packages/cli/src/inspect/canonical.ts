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

/**
 * Canonical CSV under a header line, in `chunks`, without the records at the ascending positions `drop` (0 is the first below the
 * header). What is yielded are views of the chunks.
 */
export async function* withoutRecords(chunks: AsyncIterable<Buffer>, drop: readonly number[]): AsyncGenerator<Buffer> {
  let record = -1;
  let next = 0;
  let quoted = false;
  let dropping = false;
  for await (const chunk of chunks) {
    let kept = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === QUOTE) quoted = !quoted;
      if (byte !== LF || quoted) continue;
      const drops = drop[next] === ++record;
      if (drops) next++;
      if (drops && !dropping) yield chunk.subarray(kept, i + 1);
      if (!drops && dropping) kept = i + 1;
      dropping = drops;
    }
    if (!dropping && kept < chunk.length) yield chunk.subarray(kept);
  }
}
