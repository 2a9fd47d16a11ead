const QUOTE = 0x22;
const LF = 0x0a;

/** Cuts canonical CSV between rows into parts of at most `maxBytes`; a single row may be longer. */
export function cutRows(csv: Buffer, maxBytes: number): { csv: Buffer; rows: number }[] {
  const parts: { csv: Buffer; rows: number }[] = [];
  let start = 0;
  let end = 0;
  let rows = 0;
  let quoted = false;
  for (let at = 0; at < csv.length; at++) {
    const byte = csv[at];
    // A doubled quote toggles twice, so it needs no case of its own.
    if (byte === QUOTE) quoted = !quoted;
    else if (byte === LF && !quoted) {
      if (at + 1 - start > maxBytes && rows > 0) {
        parts.push({ csv: csv.subarray(start, end), rows });
        start = end;
        rows = 0;
      }
      end = at + 1;
      rows++;
    }
  }
  if (rows > 0) parts.push({ csv: csv.subarray(start, end), rows });
  return parts;
}
