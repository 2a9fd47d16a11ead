#!/usr/bin/env node
/**
 * How fast CSV files are read, beside csv-parse, PapaParse and DuckDB.
 *
 *   npm run build && node tests/performance/read-speed.mjs PATH… [--only NAME] [--runs N]
 *
 * PATH is a file or a folder of `.csv` files. Each reader runs in a process of its own and reads every file with nothing told but what
 * it needs; the best of N runs (3) counts. MB are of a million bytes and include the start of Node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const requireFrom = (folder) => createRequire(join(root, folder, 'package.json'));

async function duckdbRows(files, query) {
  const { DuckDBInstance } = requireFrom('packages/tables')('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  let rows = 0;
  for (const file of files) {
    const found = await connection.runAndReadAll(query(`'${file.replaceAll("'", "''")}'`));
    rows += Number(found.getRows()[0][0]);
  }
  return rows;
}

/** Each takes paths and returns how many rows they hold. */
const READERS = {
  'songhua reader (to canonical batches)': async (files) => {
    const { openTables } = requireFrom('packages/formats')('./dist/index.js');
    let rows = 0;
    for (const path of files)
      for (const table of await openTables({ path, name: path }))
        for await (const batch of table.batches()) rows += batch.rows?.length ?? batch.rows;
    return rows;
  },
  'songhua inspect --out (read, typed, written)': async (files) => {
    const out = mkdtempSync(join(tmpdir(), 'songhua-speed-'));
    try {
      const command = [join(root, 'packages/cli/bin/songhua.js'), 'inspect', '--json', '--out', out, ...files];
      const stdout = execFileSync(process.execPath, command, { maxBuffer: 1 << 30, encoding: 'utf8' });
      return [JSON.parse(stdout)].flat().reduce((n, { rows, rejectedCount }) => n + rows + rejectedCount, 0);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
  'csv-parse 6': async (files) => {
    const { parse } = requireFrom('tests')('csv-parse');
    let rows = 0;
    for (const file of files) {
      for await (const _ of createReadStream(file, { highWaterMark: 1 << 18 }).pipe(parse())) rows++;
      rows--;
    }
    return rows;
  },
  'PapaParse 5': async (files) => {
    const papa = requireFrom('tests')('papaparse');
    let rows = 0;
    for (const file of files) {
      await new Promise((resolve, reject) => {
        papa.parse(createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 18 }), {
          skipEmptyLines: true,
          step: () => rows++,
          complete: resolve,
          error: reject,
        });
      });
      rows--;
    }
    return rows;
  },
  'DuckDB, sniffing, typed': (files) =>
    duckdbRows(files, (file) => `SELECT count(t) FROM (SELECT t FROM read_csv(${file}) t)`),
  'DuckDB, sniffing, all text': (files) =>
    duckdbRows(files, (file) => `SELECT count(t) FROM (SELECT t FROM read_csv(${file}, all_varchar = true) t)`),
};

function filesOf(paths) {
  return paths.flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => name.endsWith('.csv'))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
}

/** Runs one reader in this process and prints what it took, those of its own children included. */
async function runOne(name, paths) {
  const started = process.hrtime.bigint();
  const rows = await READERS[name](filesOf(paths));
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  console.log(JSON.stringify({ rows, seconds }));
}

/** Wall and CPU seconds and peak memory of a reader in a process of its own, by GNU time, which counts children too. */
function measure(name, paths) {
  const script = fileURLToPath(import.meta.url);
  const run = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', process.execPath, script, '--run', name, ...paths], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (run.status !== 0) throw new Error(`${name}: ${run.stderr}`);
  const [wall, user, system, kilobytes] = run.stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { ...JSON.parse(run.stdout), wall, cpu: user + system, peakMb: kilobytes / 1024 };
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--run') await runOne(rest[0], rest.slice(1));
else {
  const args = first === undefined ? [] : [first, ...rest];
  const flag = (name) => (args.includes(name) ? args.splice(args.indexOf(name), 2)[1] : undefined);
  const only = flag('--only');
  const runs = Number(flag('--runs') ?? 3);
  if (args.length === 0) {
    console.error('usage: node tests/performance/read-speed.mjs PATH… [--only NAME] [--runs N]');
    process.exit(2);
  }
  const files = filesOf(args);
  const bytes = files.reduce((n, file) => n + statSync(file).size, 0);
  console.log(`${files.length} file(s), ${(bytes / 1e6).toFixed(0)} MB`);
  console.log('| reader | rows | CPU s | MB per CPU s | wall s | peak MB |\n|---|---|---|---|---|---|');
  for (const name of Object.keys(READERS).filter((n) => only === undefined || n.includes(only))) {
    const all = Array.from({ length: runs }, () => measure(name, args));
    const best = all.reduce((a, b) => (b.cpu < a.cpu ? b : a));
    const rate = (bytes / 1e6 / best.cpu).toFixed(0);
    console.log(
      `| ${name} | ${best.rows} | ${best.cpu.toFixed(1)} | ${rate} | ${best.wall.toFixed(1)} | ${best.peakMb.toFixed(0)} |`,
    );
  }
}
