#!/usr/bin/env node
/**
 * Every connector of the city starts in the same minute and nothing has changed: how long until all have ended, how alike the departments
 * end, and what one source that never answers costs the others.
 *
 *   npm run build && node tests/performance/same-minute.mjs [--departments 53] [--connectors 12] [--limit 10] [--json]
 *
 * Starts a system of its own, whose schedules are not spread (`SONGHUA_SCHEDULE_JITTER_SECONDS=0`), on engines of its own. Of the
 * connectors of a department two read over HTTP (answered 304), the others are files. Seconds are from the scheduled instant. Exits with
 * 1 when they exceed the limit, when a sync did not end `unchanged`, or when the hanging source delayed the others past the limit.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const requireFrom = (folder) => createRequire(join(root, folder, 'package.json'));
const { defaultServices, down, readEndpoints, readOperatorKey, status, up } = requireFrom('infra')('./dist/index.js');
const { Client } = requireFrom('tests')('pg');

const { values } = parseArgs({
  options: {
    departments: { type: 'string', default: '53' },
    connectors: { type: 'string', default: '12' },
    limit: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const [departments, connectors, limit] = [values.departments, values.connectors, values.limit].map(Number);
const OVER_HTTP = 2;
const EVERY_MINUTE = { cron: '* * * * *', timezone: 'Asia/Shanghai' };
const tell = (text) => process.stderr.write(`${text}\n`);

const folder = mkdtempSync(join(tmpdir(), 'songhua-same-minute-'));
const home = join(folder, 'home');
const sources = join(folder, 'sources');
mkdirSync(sources);

/** Serves the files with an ETag; `/hang` takes the request and never answers. */
const hanging = new Set();
const server = createServer((request, response) => {
  if (request.url === '/hang') {
    hanging.add(response);
    return;
  }
  const body = readFileSync(join(sources, request.url.slice(1)));
  const etag = `"${body.length}-${request.url.length}"`;
  if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
  else response.writeHead(200, { 'content-type': 'text/csv', etag }).end(body);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const address = `http://127.0.0.1:${server.address().port}`;

const document = (kind, name, spec) => ({ apiVersion: 'songhua/v1', kind, metadata: { name }, spec });
const tables = Array.from({ length: departments }, (_, d) =>
  Array.from({ length: connectors }, (_, c) => ({
    department: `department-${d + 1}`,
    name: `table-${d + 1}-${c + 1}`,
  })),
).flat();

const datasets = () => [
  document('Domain', 'everything', { title: 'everything' }),
  ...Array.from({ length: departments }, (_, d) =>
    document('Department', `department-${d + 1}`, { title: `department ${d + 1}` }),
  ),
  ...tables.map(({ department, name }) => datasetOf(name, department)),
];
const datasetOf = (name, department) =>
  document('Dataset', name, { title: name, department, domain: 'everything', frequency: 'DAILY', primaryKey: ['id'] });
const connectorOf = (schedule) => (table, index) => {
  const { name } = table;
  const overHttp = index % connectors < OVER_HTTP;
  return document('Connector', name, {
    dataset: name,
    kind: overHttp ? 'http' : 'file',
    config: overHttp ? { url: `${address}/${name}.csv` } : { path: join(sources, `${name}.csv`) },
    ...(schedule && { schedule }),
  });
};

for (const [index, { name }] of tables.entries()) {
  const rows = Array.from({ length: 40 }, (_, row) => `${row},${row * index}`);
  writeFileSync(join(sources, `${name}.csv`), `id,value\n${rows.join('\n')}\n`);
}

let failed = false;
let database;
try {
  tell('starting a system');
  const { apiUrl } = await up({
    home,
    services: defaultServices(),
    env: {
      SONGHUA_FILE_ROOTS: sources,
      SONGHUA_NETWORK_ALLOW: '127.0.0.1/32',
      SONGHUA_SCHEDULE_JITTER_SECONDS: '0',
    },
  });
  const key = readOperatorKey(home);
  const call = async (path, body) => {
    const response = await fetch(new URL(path, apiUrl), {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  const apply = (resources) => call('/api/v1/resources:apply', resources);
  database = new Client({ connectionString: readEndpoints(home).databaseUrl });
  await database.connect();

  await apply(datasets());
  await apply(tables.map(connectorOf()));
  tell(`publishing ${tables.length} datasets first`);
  const { request } = await call('/api/v1/syncs', { all: true });
  await until('the first versions', async () => {
    const { total, published, failed: wrong, held } = await call(`/api/v1/sync-requests/${request}`);
    if (wrong + held > 0) throw new Error(`${wrong + held} first syncs were not published`);
    return published === total;
  });

  const alone = await measure(database, () => apply(tables.map(connectorOf(EVERY_MINUTE))));
  const beside = await measure(database, () =>
    apply([
      datasetOf('hanging', 'department-1'),
      document('Connector', 'hanging', {
        dataset: 'hanging',
        kind: 'http',
        config: { url: `${address}/hang` },
        schedule: EVERY_MINUTE,
      }),
    ]),
  );
  const memoryMb = Object.fromEntries(
    status(home).processes.flatMap(({ name, pid }) => (pid === null ? [] : [[name, peakMb(pid)]])),
  );
  const result = { departments, connectors: tables.length, limit, alone, withOneHanging: beside, memoryMb };
  failed = [alone, beside].some((run) => run.seconds > limit || run.notUnchanged > 0) || beside.stillReading !== 1;
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
} finally {
  await database?.end();
  for (const response of hanging) response.destroy();
  await down({ home, wipe: true });
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/** Makes `change`, waits for the next slot that comes wholly after it, and tells how its syncs went. */
async function measure(database, change) {
  await change();
  // The services take changes over within two seconds.
  const slot = new Date(Math.ceil((Date.now() + 4_000) / 60_000) * 60_000).toISOString();
  tell(`waiting for ${slot}`);
  await delay(Date.parse(slot) - Date.now());
  const query = async () =>
    (
      await database.query(
        `SELECT s.department::text, c.name::text, s.state, extract(epoch FROM s.started_at - s.slot::timestamptz) AS started,
           extract(epoch FROM s.ended_at - s.slot::timestamptz) AS ended
         FROM sync s JOIN connector c ON c.id = s.connector_id WHERE s.slot = $1 ORDER BY s.ended_at`,
        [slot],
      )
    ).rows.map((row) => ({
      ...row,
      started: Number(row.started),
      ended: row.ended === null ? null : Number(row.ended),
    }));
  let syncs = [];
  await until('the syncs of the slot', async () => {
    syncs = await query();
    const ended = syncs.filter(({ name, ended: at }) => name !== 'hanging' && at !== null);
    return ended.length === tables.length;
  });
  const others = syncs.filter(({ name }) => name !== 'hanging');
  const lastOf = new Map(others.map(({ department, ended }) => [department, ended]));
  const ends = [...lastOf.values()];
  return {
    seconds: round(Math.max(...ends)),
    firstStarted: round(Math.min(...others.map(({ started }) => started))),
    departmentsEnded: { first: round(Math.min(...ends)), last: round(Math.max(...ends)) },
    mostAhead: mostAhead(others),
    ofTheHangingDepartment: round(lastOf.get('department-1')),
    notUnchanged: others.filter(({ state }) => state !== 'unchanged').length,
    stillReading: syncs.filter(({ state }) => state === 'reading').length,
  };
}

/** By how many ended syncs the foremost department was ahead of the hindmost, at the worst moment. */
function mostAhead(ended) {
  const counts = new Map(ended.map(({ department }) => [department, 0]));
  let most = 0;
  for (const { department } of ended) {
    counts.set(department, counts.get(department) + 1);
    most = Math.max(most, Math.max(...counts.values()) - Math.min(...counts.values()));
  }
  return most;
}

function print({ alone, withOneHanging, memoryMb }) {
  console.log('| | nothing changed | beside one hanging source |\n|---|---|---|');
  const line = (title, of) => console.log(`| ${title} | ${of(alone)} | ${of(withOneHanging)} |`);
  line('seconds from the slot to the last end', (run) => run.seconds);
  line('first start', (run) => run.firstStarted);
  line('departments done: first – last', (run) => `${run.departmentsEnded.first} – ${run.departmentsEnded.last}`);
  line('most ended syncs that a department was ahead', (run) => run.mostAhead);
  line('department of the hanging source done', (run) => run.ofTheHangingDepartment);
  line('not unchanged / still reading', (run) => `${run.notUnchanged} / ${run.stillReading}`);
  console.log(
    `peak MB: ${Object.entries(memoryMb)
      .map(([name, mb]) => `${name} ${mb}`)
      .join(', ')}`,
  );
}

async function until(what, holds) {
  const end = Date.now() + 300_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} did not come within 300 s`);
    await delay(100);
  }
}

function peakMb(pid) {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
  return Math.round((Number(kilobytes) * 1024) / 1e6);
}

function round(seconds) {
  return Math.round(seconds * 100) / 100;
}
