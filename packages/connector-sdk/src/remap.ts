const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
const COMMA_BYTES = Buffer.from(',');
const LF_BYTES = Buffer.from('\n');

/**
 * Rewrites whole rows of canonical CSV (comma, `"`, LF, no header) so that output column `i` is input cell `mapping[i]`, or empty
 * for -1; before them `first`, which needs no quotes. Cells keep their bytes, quotes included.
 */
export function remapCsv(csv: Buffer, mapping: number[], first?: string): Buffer {
  const before = first === undefined ? undefined : Buffer.from(`${first},`);
  const out: Buffer[] = [];
  let cells: Buffer[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < csv.length; at++) {
    const byte = csv[at];
    // A doubled quote toggles twice, so it needs no case of its own.
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && (byte === COMMA || byte === LF)) {
      cells.push(csv.subarray(start, at));
      start = at + 1;
      if (byte === COMMA) continue;
      if (before) out.push(before);
      mapping.forEach((cell, index) => {
        if (index > 0) out.push(COMMA_BYTES);
        out.push(cells[cell] ?? NOTHING);
      });
      out.push(LF_BYTES);
      cells = [];
    }
  }
  return Buffer.concat(out);
}

/** Puts a cell, which needs no quotes, before each whole row of canonical CSV: what `first` says of the row's cell `at`, '' where it has none. */
export function prefixRows(csv: Buffer, at: number, first: (cell: string) => string): Buffer {
  const out: Buffer[] = [];
  let [row, cell, start] = [0, 0, 0];
  let told = '';
  let quoted = false;
  for (let position = 0; position < csv.length; position++) {
    const byte = csv[position];
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && (byte === COMMA || byte === LF)) {
      if (cell === at) told = textOf(csv, start, position);
      start = position + 1;
      cell++;
      if (byte === COMMA) continue;
      out.push(Buffer.from(`${first(told)},`), csv.subarray(row, start));
      [row, cell, told] = [start, 0, ''];
    }
  }
  return Buffer.concat(out);
}

function textOf(csv: Buffer, start: number, end: number): string {
  const text = csv.toString('utf8', start, end);
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

/** The cells of the first `limit` rows of canonical CSV, as text. */
export function cellsOf(csv: Buffer, limit: number): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < csv.length && rows.length < limit; at++) {
    const byte = csv[at];
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && (byte === COMMA || byte === LF)) {
      cells.push(textOf(csv, start, at));
      start = at + 1;
      if (byte === COMMA) continue;
      rows.push(cells);
      cells = [];
    }
  }
  return rows;
}
