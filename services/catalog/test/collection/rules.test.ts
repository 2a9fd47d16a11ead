import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { ConnectorRecord } from '@songhua/catalog';
import { keys, type LaneReference } from '@songhua/contracts';
import { createProcesses, type Process } from './processes.js';
import { type CollectionWorld, createCollectionWorld, hours } from './world.js';

let world: CollectionWorld;
let processes: ReturnType<typeof createProcesses>;
beforeAll(async () => {
  world = await createCollectionWorld();
}, 60_000);
afterEach(() => world.clear());
afterAll(() => world?.end());

const DAY = hours(24);

/** Lets work go on to its end, or for some steps only. */
async function run(work: Process, steps = Number.POSITIVE_INFINITY): Promise<void> {
  for (let n = 0; n < steps; n++) if ((await work.next()).done) return;
}

async function open(spec: Parameters<CollectionWorld['register']>[1] = {}): Promise<ConnectorRecord> {
  processes = createProcesses(world);
  await world.register('scores', spec);
  const [connector] = await world.catalog.connectors.list({ names: ['scores'] });
  if (!connector) throw new Error('not registered');
  return connector;
}

/** Reads the source and lands it. */
async function land(connector: ConnectorRecord, text: string, rejected = 0): Promise<LaneReference> {
  await processes.enqueue(connector, { text, rejected, held: false });
  const [sync] = await world.catalog.syncs.take('test', 1, 1, 3600);
  if (!sync) throw new Error('nothing to take');
  await run(processes.read(sync, 1));
  return { sync: sync.id, datasetId: sync.datasetId, attempt: 1, bytes: 1 };
}

async function publish(connector: ConnectorRecord, text: string, rejected = 0): Promise<LaneReference> {
  const reference = await land(connector, text, rejected);
  await run(processes.refresh(reference));
  await world.catalog.catalog.relay(100, async () => undefined);
  return reference;
}

const under = async (prefix: string): Promise<string[]> =>
  (await world.keys()).filter((key) => key.startsWith(prefix)).sort();

test('a manifest whose refresh may go on stays with its files; once another took its place they go', async () => {
  const connector = await open();
  const reference = await land(connector, 'a');
  // Killed between the manifest and the catalog: begin, two files, manifest.
  await run(processes.refresh(reference), 4);
  const left = await under('datasets/');
  expect(left).toHaveLength(3);
  world.clock.now += 3 * DAY;
  await world.collect();
  expect(await under('datasets/')).toEqual(left);

  await publish(connector, 'b');
  await run(processes.refresh(reference));
  world.clock.now += 3 * DAY;
  const { report } = await world.collect();
  expect(report.reasons).toMatchObject({ 'manifest.orphaned': { objects: 3 } });
  expect((await under('datasets/')).filter((key) => left.includes(key))).toEqual([]);
  expect(await under('datasets/')).toHaveLength(3);
});

test('a landing stays as long as its rejected rows can be replayed; then it goes, and a replay is told so', async () => {
  const connector = await open();
  const first = await publish(connector, 'a', 2);
  world.clock.now += 40 * DAY;
  await world.collect();
  const landing = `landing/${first.datasetId}/${first.sync}/`;
  expect(await under(landing)).toHaveLength(3);

  // Later reads take the place of what it read, and one more than are kept.
  for (const text of ['b', 'c']) await publish(connector, text);
  world.clock.now += 40 * DAY;
  await world.collect();
  expect(await under(landing)).toEqual([]);
  expect((await world.catalog.replays.source(first.sync))?.problem).toBe('collected');
  // The rows themselves are still for everybody to see.
  expect(await under(`quarantine/${first.datasetId}/${first.sync}`)).toHaveLength(1);
});

test('versions beyond what the dataset keeps leave a tombstone, an audit row and their manifest', async () => {
  const connector = await open({ keep: 2 });
  for (const text of ['a', 'b', 'c', 'd']) await publish(connector, text);
  await run(processes.render('scores', 1));
  world.clock.now += DAY;
  expect((await world.collect({ dryRun: true })).report.trimmed.versions).toBe(2);
  await world.collect();
  world.clock.now += 2 * DAY;
  await world.collect();
  const id = connector.datasetId;
  const filesOf = async (n: number): Promise<number> => (await under(`datasets/${id}/versions/${n}/`)).length;
  expect(await Promise.all([1, 2, 3, 4].map(filesOf))).toEqual([1, 1, 3, 3]);
  expect(await under('renders/')).toEqual([]);
  expect((await world.catalog.catalog.versions('scores')).map(({ version, removed }) => [version, !!removed])).toEqual([
    [4, false],
    [3, false],
    [2, true],
    [1, true],
  ]);
  const told = await world.catalog.audit.list({ action: 'version.remove', limit: 10 });
  expect(told.map(({ subject, detail }) => [subject, detail.version])).toEqual([
    ['Dataset/scores', 2],
    ['Dataset/scores', 1],
  ]);
});

test('without a policy every version is kept for ever', async () => {
  const connector = await open();
  for (const text of ['a', 'b', 'c']) await publish(connector, text);
  world.clock.now += 4000 * DAY;
  for (let n = 0; n < 2; n++) await world.collect();
  expect(await under('datasets/')).toHaveLength(9);
});

test('what was pushed stays until it was read and published, and then for its retention; what was never accepted goes', async () => {
  const connector = await open({ kind: 'push', mode: 'append' });
  await run(processes.push(connector, { text: 'a', rejected: 0, held: false }));
  await run(processes.push(connector, { text: 'b', rejected: 0, held: false }));
  await run(processes.push(connector, { text: 'c', rejected: 0, held: false }), 1);
  world.clock.now += 400 * DAY;
  expect((await world.collect()).report.reasons).toEqual({ 'push.not-accepted': { objects: 1, bytes: 1 } });
  for (const sync of [1, 2].flatMap(() => world.catalog.syncs.take('test', 1, 1, 3600))) {
    const [taken] = await sync;
    if (!taken) continue;
    await run(processes.read(taken, 1));
    await run(processes.refresh({ sync: taken.id, datasetId: taken.datasetId, attempt: 1, bytes: 1 }));
  }
  const { report } = await world.collect();
  expect(report.reasons).toMatchObject({ 'push.retention': { objects: 1 } });
  // The last one of a connector is what a full read of it wants.
  expect(await under('ingest/')).toHaveLength(1);
});

test('what is of no known kind, and what a manifest that cannot be read may name, is told and stays', async () => {
  const connector = await open();
  await publish(connector, 'a');
  const strange = ['landing/readme.txt', 'datasets/x/versions/1/deep/er/data.parquet'];
  for (const key of strange) await world.store.put(key, Buffer.from('x'), 'text/plain');
  const torn = keys.manifest(connector.datasetId, 9);
  const file = keys.versionFile(connector.datasetId, 9, '1-a', 'data.parquet');
  for (const key of [torn, file]) await world.store.put(key, Buffer.from('{'), 'application/json');
  world.clock.now += 400 * DAY;
  const { report } = await world.collect();
  expect(report.unknown).toMatchObject({ objects: 2, keys: expect.arrayContaining(strange) });
  expect(report.problems).toEqual([expect.stringContaining(torn)]);
  expect(await world.keys()).toEqual(expect.arrayContaining([...strange, torn, file]));
});

test('what was just written stays, named or not', async () => {
  await open();
  const key = keys.landingPart('ds_gone', { sync: 'sy_gone', attempt: 1, traceparent: 't' }, 'rows.csv.gz');
  await world.store.put(key, Buffer.from('x'), 'application/gzip');
  world.clock.now += hours(23);
  await world.collect();
  expect(await world.keys()).toEqual([key]);
  world.clock.now += hours(2);
  expect((await world.collect()).report.reasons).toEqual({ 'sync.unknown': { objects: 1, bytes: 1 } });
  expect(await world.keys()).toEqual([]);
});

test('syncs that nothing refers to go after their time, and the last of each connector stays', async () => {
  const connector = await open();
  const published = await publish(connector, 'a');
  for (let n = 0; n < 4; n++) await publish(connector, 'a');
  world.clock.now += 500 * DAY;
  const { report } = await world.collect();
  const left = await world.rows<{ id: string; number: number }>('SELECT id, number FROM sync ORDER BY number');
  // The one that a version names, and the last two: their landings are kept.
  expect(left.map(({ number }) => number)).toEqual([1, 4, 5]);
  expect(left[0]?.id).toBe(published.sync);
  expect(report.trimmed.syncs).toBe(2);
});

test('events go once they are announced and old; whoever asks for them is told, and can go on', async () => {
  const connector = await open();
  for (const text of ['a', 'b']) await publish(connector, text);
  const reference = await land(connector, 'c');
  await run(processes.refresh(reference));
  const before = await world.catalog.catalog.changes('0', 10);
  expect(before).toHaveLength(3);
  world.clock.now += 500 * DAY;
  expect((await world.collect()).report.trimmed.outbox).toBe(2);
  const [, announced, waiting] = before.map(({ position }) => position);
  await expect(world.catalog.catalog.changes('0', 10)).rejects.toMatchObject({
    code: 'changes.trimmed',
    message: expect.stringContaining(`after=${announced}`),
  });
  expect((await world.catalog.catalog.changes(announced, 10)).map(({ position }) => position)).toEqual([waiting]);
});

test('rows of the audit log go only behind a head that was noted, and the rest still verifies against what was noted', async () => {
  const { audit } = world.catalog;
  await open();
  for (let n = 0; n < 5; n++) await audit.append('key:a', 'change', 'Dataset/x', { n });
  const noted = await audit.head();
  await audit.append('key:a', 'change', 'Dataset/x', { n: 9 });
  world.clock.now += 20 * DAY;
  const retention = { SONGHUA_GC_AUDIT_DAYS: '10' };
  expect((await world.collect({ retention })).report.trimmed.audit).toBe(0);
  expect((await world.collect({ retention: {}, heads: [noted] })).report.trimmed.audit).toBe(0);
  const wrong = { ...noted, hash: '0'.repeat(64) };
  expect((await world.collect({ retention, heads: [wrong] })).report.trimmed.audit).toBe(0);

  expect((await world.collect({ retention, heads: [noted] })).report.trimmed.audit).toBe(noted.sequence);
  expect(await audit.verify([noted])).toMatchObject({ ok: true, count: 2, head: { sequence: noted.sequence + 2 } });
  expect((await audit.list({ limit: 10 })).map(({ action }) => action)).toEqual(['audit.cut', 'change']);
  // Whoever cuts by himself has no head to show.
  expect(await audit.verify([])).toMatchObject({ ok: false, bad: { fault: 'removed' } });
});

test('one collection runs at a time, and one whose process died gives its place up', async () => {
  const { collection } = world.catalog;
  const options = { dryRun: false, by: 'test', everySeconds: 0 };
  const first = await collection.begin({ ...options, leaseSeconds: 60 });
  expect(await collection.begin({ ...options, leaseSeconds: 60 })).toBeUndefined();
  await world.rows(`UPDATE collection SET lease_until = now() - interval '1 second'`);
  const second = await collection.begin({ ...options, leaseSeconds: 60 });
  expect(second).toBeGreaterThan(first ?? 0);
  const report = (await world.collect({ dryRun: true })).report;
  await collection.end(second ?? 0, report, null);
  expect((await collection.list(5)).map(({ state }) => state)).toEqual(['done', 'failed']);
  // By itself it runs only when one is due.
  expect(await collection.begin({ ...options, leaseSeconds: 60, everySeconds: 3600 })).toBeUndefined();
});
