#!/usr/bin/env node
/**
 * Scores how well polluted CSV files are read with no hints, as the Pollock benchmark does.
 *
 *   npm run build && node tests/pollock/score.mjs DIR [--through inspect|reader] [--json] [--worst N]
 *
 * Through `inspect` (the default) the rows are those that `songhua inspect --out` writes, so that rows whose cells do not fit the types
 * of their columns are missing; through `reader` they are those of packages/formats.
 * DIR holds `csv/` (polluted) and `clean/` (the same names, as they should be read; RFC 4180, one header row), and optionally
 * `parameters/<name>_parameters.json`, of which only `header_lines` is used: 0 means that the clean file has no header.
 * A file succeeds when it can be read; precision, recall and F1 compare multisets of header names, of records and of cells.
 * The simple score is the mean of success and those nine measures over all files, times ten: 10 is perfect.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { openTables } = createRequire(import.meta.url)('../../packages/formats/dist/index.js');
const songhua = fileURLToPath(new URL('../../packages/cli/bin/songhua.js', import.meta.url));

/** A plain RFC 4180 reader, apart from the one that is being scored. */
function parseCsv(text) {
  const rows = [];
  let row = [];
  let i = 0;
  while (i < text.length) {
    let cell = '';
    if (text[i] === '"') {
      for (i++; i < text.length; i++) {
        if (text[i] !== '"') cell += text[i];
        else if (text[i + 1] === '"') {
          cell += '"';
          i++;
        } else break;
      }
      i++;
    } else while (i < text.length && !',\r\n'.includes(text[i])) cell += text[i++];
    row.push(cell);
    if (text[i] === ',') {
      i++;
      if (i < text.length) continue;
      row.push('');
    }
    if (text[i] === '\r') i++;
    if (text[i] === '\n') i++;
    rows.push(row);
    row = [];
  }
  return rows;
}

function measures(expected, found) {
  if (expected.length === 0) return { precision: 1, recall: 1, f1: 1 };
  const left = new Map();
  for (const item of expected) left.set(item, (left.get(item) ?? 0) + 1);
  let common = 0;
  for (const item of found) {
    const n = left.get(item) ?? 0;
    if (n === 0) continue;
    common++;
    left.set(item, n - 1);
  }
  if (common === 0) return { precision: 0, recall: 0, f1: 0 };
  const precision = common / found.length;
  const recall = common / expected.length;
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall) };
}

/** Inspects all files in one call; the result tells of one file what was read of it. */
async function inspectAll(dir, names) {
  const out = await mkdtemp(join(tmpdir(), 'songhua-pollock-'));
  try {
    const args = [songhua, 'inspect', '--json', '--out', out, ...names.map((name) => join(dir, 'csv', name))];
    const documents = await new Promise((resolve, reject) => {
      execFile(process.execPath, args, { maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
        if (stdout === '') reject(error ?? new Error(stderr));
        else resolve([JSON.parse(stdout)].flat());
      });
    });
    const read = new Map();
    for (const [i, document] of documents.entries()) {
      const [header = [], ...rows] = document.error ? [] : parseCsv(await readFile(document.written.rows, 'utf8'));
      const failed = document.error && `${document.error.code}: ${document.error.message}`;
      read.set(names[i], { header, rows, rejected: document.rejectedCount, failed });
    }
    return (name) => read.get(name);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

async function readFromReader(path, name) {
  try {
    const [table] = await openTables({ path, name });
    const rows = [];
    let rejected = 0;
    for await (const batch of table.batches()) {
      if (batch.type === 'rows') rows.push(...parseCsv(batch.csv.toString('utf8')));
      else rejected += batch.rows.length;
    }
    return { header: table.columns.map((column) => column.name), rows, rejected };
  } catch (error) {
    // An empty file is read rightly when the reader says that it is empty.
    if (error.code === 'source.empty') return { header: [], rows: [], rejected: 0 };
    return { failed: `${error.code ?? 'crash'}: ${error.message}` };
  }
}

async function scoreFile(dir, name, read) {
  const clean = parseCsv(await readFile(join(dir, 'clean', name), 'utf8'));
  const parameters = await readFile(join(dir, 'parameters', `${name}_parameters.json`), 'utf8').then(
    JSON.parse,
    () => ({}),
  );
  const [header, rows] = parameters.header_lines === 0 ? [[], clean] : [clean[0] ?? [], clean.slice(1)];
  const none = { precision: 0, recall: 0, f1: 0 };
  const text = (cells) => cells.map((row) => row.join('\u0000'));
  const result = read.failed
    ? { success: 0, header: none, record: none, cell: none }
    : {
        success: 1,
        header: measures(header, read.header),
        record: measures(text(rows), text(read.rows)),
        cell: measures(rows.flat(), read.rows.flat()),
      };
  const sum = [result.header, result.record, result.cell].reduce(
    (n, m) => n + m.precision + m.recall + m.f1,
    result.success,
  );
  return { name, ...result, score: sum, rejected: read.rejected ?? 0, failed: read.failed };
}

const [dir, ...flags] = process.argv.slice(2);
if (dir === undefined) {
  console.error('usage: node tests/pollock/score.mjs DIR [--through inspect|reader] [--json] [--worst N]');
  process.exit(2);
}
const names = (await readdir(join(dir, 'csv'))).sort();
const files = [];
const readOf =
  flags[flags.indexOf('--through') + 1] === 'reader'
    ? (name) => readFromReader(join(dir, 'csv', name), name)
    : await inspectAll(dir, names);
for (const name of names) files.push(await scoreFile(dir, name, await readOf(name)));
const mean = (of) => files.reduce((n, file) => n + of(file), 0) / files.length;
const summary = {
  files: files.length,
  success: mean((f) => f.success),
  headerF1: mean((f) => f.header.f1),
  recordF1: mean((f) => f.record.f1),
  cellF1: mean((f) => f.cell.f1),
  simple: mean((f) => f.score),
  perfect: files.filter((f) => f.score > 10 - 1e-9).length,
};
if (flags.includes('--json')) console.log(JSON.stringify({ ...summary, results: files }));
else {
  const worst = Number(flags[flags.indexOf('--worst') + 1]) || 15;
  for (const f of [...files].sort((a, b) => a.score - b.score).slice(0, worst)) {
    const short = (m) => m.f1.toFixed(3);
    console.log(
      `${f.score.toFixed(3)}  ${f.name}  header ${short(f.header)} record ${short(f.record)} cell ${short(f.cell)}${f.rejected ? ` rejected ${f.rejected}` : ''}${f.failed ? ` ${f.failed}` : ''}`,
    );
  }
  console.log(
    Object.entries(summary)
      .map(([key, value]) => `${key} ${Number.isInteger(value) ? value : value.toFixed(4)}`)
      .join('  '),
  );
}
