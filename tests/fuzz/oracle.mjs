import { writeFileSync } from 'node:fs';

/** Text of RFC 4180 that must be canonical: the number of fields of each row. Throws where it is not. */
function fieldCounts(text) {
  const counts = [];
  const QUOTED = /"(?:[^"]|"")*"(?=[,\n])|[^",\n\r]*(?=[,\n])/y;
  let fields = 0;
  for (let at = 0; at < text.length; at++) {
    QUOTED.lastIndex = at;
    if (!QUOTED.test(text)) throw new Error(`not canonical at ${at}: ${JSON.stringify(text.slice(at, at + 40))}`);
    at = QUOTED.lastIndex;
    fields++;
    if (text[at] !== '\n') continue;
    counts.push(fields);
    fields = 0;
  }
  return counts;
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function readTable(table, known) {
  const width = table.columns.length;
  const names = table.columns.map(({ name }) => name);
  check(new Set(names).size === width, `columns of the same name: ${names}`);
  check(
    names.every((name) => name !== ''),
    'a column without a name',
  );
  let [rows, line] = [0, 0];
  for await (const batch of table.batches()) {
    if (batch.type === 'rejected') {
      for (const row of batch.rows) {
        check(row.code in known.ROW_PROBLEMS, `unknown reason ${row.code}`);
        check(row.line >= 1 && row.raw.length <= 2000 && row.message !== '', `rejected row: ${JSON.stringify(row)}`);
      }
      continue;
    }
    const counts = fieldCounts(utf8.decode(batch.csv));
    check(counts.length === batch.rows, `the batch says ${batch.rows} rows and has ${counts.length}`);
    check(
      counts.every((n) => n === width),
      `rows of ${counts} fields, of ${width} columns`,
    );
    for (const run of batch.lines) {
      check(run.row >= rows && run.row < rows + batch.rows, `line run of row ${run.row} in rows ${rows}+${batch.rows}`);
      check(run.line >= line || run.file > 0, `line ${run.line} after ${line}`);
      line = run.line;
    }
    rows += batch.rows;
  }
}

/**
 * Reads `bytes` by `formats` as a connector would. Whatever they are, it ends in rows that are canonical, with as many fields as columns and
 * rising lines, and in rejected rows of known codes, or in an error of a known code; anything else is thrown.
 */
export async function mustRead(formats, bytes, { path, options }) {
  writeFileSync(path, bytes);
  try {
    for (const table of await formats.openTables({ path, name: 'input' }, options)) await readTable(table, formats);
  } catch (error) {
    if (!(error.code in formats.FORMAT_ERRORS)) throw error;
    check(error.message !== '', `${error.code} says nothing`);
  }
}
