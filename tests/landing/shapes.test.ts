import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ConnectorRecord, SyncRecord } from '@songhua/catalog';
import { type ConnectorKinds, connectorKinds, createNetwork } from '@songhua/connectors';
import { type Cursor, type LineRun, MAX_CLOSING_BYTES, SYNC_COMPLETED } from '@songhua/contracts';
import { datasetId } from '@songhua/domain';
import { type Consumer, decodeEnvelope } from '@songhua/messaging';
import { createLogger } from '@songhua/runtime';
import { type RunDeps, runSync } from '@songhua/service-connector';
import { landPartition } from '@songhua/service-landing';
import { fetchLanding, type LocalLanding } from '@songhua/service-refresh';
import { createLineFinder } from '@songhua/tables';
import { createLandingWorld, type LandingWorld, namedOf, noting, type Told, until } from './world.js';

const ROWS = 50_000;
const FILES = 3_000;
const logger = createLogger('landing-test');
let world: LandingWorld;
let consumer: Consumer;
let kinds: ConnectorKinds;
const told: Told[] = [];
const controlBytes: number[] = [];

beforeAll(async () => {
  world = await createLandingWorld(2);
  kinds = connectorKinds({ fileRoots: [world.folder] });
  consumer = await world.messaging.consume({
    group: world.topic,
    topic: world.topic,
    deadLetterTopic: `${world.topic}.dead`,
    handlerFor: () => {
      const handler = landPartition({
        store: world.store,
        syncs: noting(told),
        tellLane: async () => undefined,
        landed: () => undefined,
        logger,
      });
      return {
        handle(message) {
          if (decodeEnvelope(message.headers).schema === SYNC_COMPLETED) controlBytes.push(message.value.length);
          return handler.handle(message);
        },
        resumeOffset: () => handler.resumeOffset(),
        revoked: () => handler.revoked?.(),
      };
    },
  });
});
afterAll(async () => {
  await consumer?.close();
  await kinds?.close();
  await world?.close();
});

/** One sync of files, as the connector service runs it; its result, and what a refresh is given of it. */
async function sync(path: string, cursor?: Cursor): Promise<{ state: string; landing?: LocalLanding; landed?: Told }> {
  const name = `c-${randomBytes(6).toString('hex')}`;
  const id = `sy_${randomBytes(12).toString('hex')}`;
  const tempDir = join(world.folder, name);
  await mkdir(tempDir);
  const deps: RunDeps = {
    producer: world.producer,
    topic: world.topic,
    kinds,
    secrets: async () => ({}),
    stored: async () => ({}),
    networkOf: () => createNetwork({ allowed: [] }),
    pushed: () => ({ after: async () => [], reading: async () => undefined }),
    tempDir,
    limits: { maxBytes: 1 << 30, timeoutMs: 600_000 },
    logger,
  };
  const ids = { dataset: name, datasetId: datasetId(name), department: 'd' };
  const record = { ...ids, id, connector: name, number: 1, attempt: 1, range: null, traceparent: 't' } as SyncRecord;
  const connector = {
    ...ids,
    name,
    kind: 'file',
    mode: 'full',
    primaryKey: [],
    spec: { config: { path }, secrets: {} },
  } as unknown as ConnectorRecord;
  const signal = new AbortController().signal;
  const result = await runSync(deps, {
    sync: record,
    connector,
    cursor,
    signal,
    active: () => undefined,
    failedOnce: () => undefined,
    holds: () => true,
  });
  expect(result.reason).toBeUndefined();
  if (result.state !== 'delivered') return { state: result.state };
  await until(() => told.some((one) => one.sync === id));
  const landed = told.find((one) => one.sync === id) as Told;
  const folder = join(tempDir, 'landing');
  await mkdir(folder);
  return { state: result.state, landed, landing: await fetchLanding(world.store, namedOf(landed), folder) };
}

async function runsOf(landing: LocalLanding): Promise<LineRun[]> {
  const runs: LineRun[] = [];
  for await (const piece of landing.lines()) runs.push(...piece);
  return runs;
}

const records = Array.from({ length: ROWS }, (_, id) => ({ id, name: `松北区 ${id}` }));
/** Records of one to four lines each. */
const uneven = records.map(({ id, name }) => ({
  id,
  ...(id % 3 > 0 && { name }),
  ...(id % 7 > 2 && { tags: [id % 5] }),
}));
const elements = records.map(({ id, name }) => `<row>\n<id>${id}</id><name>${name}</name>\n</row>`);
const heightOf = (value: unknown): number => JSON.stringify(value, null, 2).split('\n').length;

test.each<[string, string, () => string, { runs: number; lineOf(row: number): number }]>([
  ['one-line JSON', 'one.json', () => JSON.stringify(records), { runs: 3, lineOf: () => 1 }],
  [
    'pretty-printed JSON',
    'pretty.json',
    () => JSON.stringify(records, null, 2),
    { runs: 3, lineOf: (row) => 2 + row * 4 },
  ],
  [
    'pretty-printed JSON of unequal records',
    'uneven.json',
    () => JSON.stringify(uneven, null, 2),
    {
      runs: ROWS,
      lineOf: (row) => 2 + uneven.slice(0, row).reduce((sum, value) => sum + heightOf(value), 0),
    },
  ],
  ['XML', 'rows.xml', () => `<rows>\n${elements.join('\n')}\n</rows>`, { runs: 3, lineOf: (row) => 2 + row * 3 }],
  [
    'CSV with cells of several lines',
    'cells.csv',
    () => `id,note\n${records.map(({ id }) => `${id},"a${'\nb'.repeat(id % 3)}"\n`).join('')}`,
    { runs: ROWS, lineOf: (row) => 2 + row + Math.floor(row / 3) * 3 + (row % 3 === 2 ? 1 : 0) },
  ],
])(
  `${ROWS} records of %s go through, and each row is known by its line`,
  async (shape, name, content, expected) => {
    await writeFile(join(world.folder, name), content());
    const { landing, landed } = await sync(name);
    if (!landing) throw new Error('the sync did not land');
    expect(landed).toMatchObject({ rows: ROWS });
    expect(landing.manifest.completed.rows).toBe(ROWS);
    const runs = await runsOf(landing);
    expect(runs.length).toBeLessThanOrEqual(expected.runs);
    const finder = createLineFinder(landing.lines);
    for (const row of [0, 1, 2, 3, 100, 101, ROWS / 2, ROWS - 1])
      expect([row, (await finder.placeOf(row)).line]).toEqual([row, expected.lineOf(row)]);
    await finder.close();
    const parts = landing.manifest.parts.filter(({ kind }) => kind === 'details');
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const batches = landing.manifest.completed.details;
    logger.info({ shape, runs: runs.length, detailBytes: bytes, detailBatches: batches }, 'line runs of a shape');
    expect(bytes).toBeLessThan(1024 * 1024);
  },
  180_000,
);

test(`a glob of ${FILES} files goes through, and its cursor comes back whole`, async () => {
  const folder = join(world.folder, 'many');
  await mkdir(folder);
  const nameOf = (file: number): string => `readings-of-the-station-number-${String(file).padStart(6, '0')}.csv`;
  for (let file = 0; file < FILES; file++) await writeFile(join(folder, nameOf(file)), `id,value\n${file},松北区\n`);
  const { landing } = await sync('many/*.csv');
  if (!landing) throw new Error('the sync did not land');
  expect(landing.details.files.map(({ name }) => name)).toEqual(
    Array.from({ length: FILES }, (_, i) => `many/${nameOf(i)}`),
  );
  expect((await runsOf(landing)).map(({ file, line }) => [file, line])).toEqual(
    Array.from({ length: FILES }, (_, file) => [file, 2]),
  );
  const text = gunzipSync(Buffer.concat(await Promise.all(landing.rows.map((path) => readFile(path))))).toString();
  expect(text).toBe(Array.from({ length: FILES }, (_, file) => `${file},松北区\n`).join(''));
  const cursorBytes = JSON.stringify(landing.details.cursor).length;
  logger.info({ files: FILES, cursorBytes, ...landing.manifest.completed }, 'details of a glob');
  expect(cursorBytes).toBeGreaterThan(1_000_000);
  expect((await sync('many/*.csv', landing.details.cursor)).state).toBe('unchanged');
}, 180_000);

test('every closing event of these is of a few hundred bytes', () => {
  expect(controlBytes.length).toBeGreaterThan(0);
  expect(Math.max(...controlBytes)).toBeLessThan(MAX_CLOSING_BYTES);
  logger.info({ largest: Math.max(...controlBytes) }, 'largest closing event');
});
