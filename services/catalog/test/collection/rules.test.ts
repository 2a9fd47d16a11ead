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
  await world.catalog.estate.relay(100, async () => undefined);
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
  expect((await world.catalog.estate.versions('scores')).map(({ version, removed }) => [version, !!removed])).toEqual([
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

test('what was pushed stays until it was read and published, and then for its retention; what was never accepted stays as long', async () => {
  const connector = await open({ kind: 'push', mode: 'append' });
  await run(processes.push(connector, { text: 'a', rejected: 0, held: false }));
  await run(processes.push(connector, { text: 'b', rejected: 0, held: false }));
  await run(processes.push(connector, { text: 'c', rejected: 0, held: false }), 1);
  // After a restore it may be the only copy of what was accepted: it stays beyond the grace.
  world.clock.now += 29 * DAY;
  expect((await world.collect()).report.reasons).toEqual({});
  expect(await under('ingest/')).toHaveLength(3);
  world.clock.now += 2 * DAY;
  expect((await world.collect()).report.reasons).toEqual({ 'push.not-accepted': { objects: 1, bytes: 1 } });
  world.clock.now += 400 * DAY;
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
  const before = await world.catalog.estate.changes('0', 10);
  expect(before).toHaveLength(3);
  world.clock.now += 500 * DAY;
  expect((await world.collect()).report.trimmed.outbox).toBe(2);
  const [, announced, waiting] = before.map(({ position }) => position);
  await expect(world.catalog.estate.changes('0', 10)).rejects.toMatchObject({
    code: 'changes.trimmed',
    message: expect.stringContaining(`after=${announced}`),
  });
  expect((await world.catalog.estate.changes(announced, 10)).map(({ position }) => position)).toEqual([waiting]);
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

test('what failed is tried again after a wait that grows, up to the time between two collections, and at once when asked for', async () => {
  const { collection } = world.catalog;
  const { report } = await world.collect({ dryRun: true });
  const options = { dryRun: false, by: 'test', leaseSeconds: 60 };
  const fail = async (code: string): Promise<void> => {
    const id = await collection.begin({ ...options, everySeconds: 0 });
    await collection.end(id ?? 0, report, { code, message: 'm', retryable: true, actor: 'platform' });
  };
  const waits = async (): Promise<number> => {
    const [row] = await world.rows<{ wait: number }>('SELECT collection_wait(86400)::integer AS wait');
    return row?.wait ?? Number.NaN;
  };
  await fail('collection.stopped');
  expect(await waits()).toBe(0);
  const seen: number[] = [];
  for (let n = 0; n < 9; n++) {
    await fail('catalog.unavailable');
    seen.push(await waits());
  }
  expect(seen).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 86_400]);
  expect(await collection.begin({ ...options, everySeconds: 86_400 })).toBeUndefined();
  await world.rows(`UPDATE collection SET ended_at = ended_at - interval '1 day'`);
  const id = await collection.begin({ ...options, everySeconds: 86_400 });
  await collection.end(id ?? 0, report, null);
  expect(await waits()).toBe(0);
});

test('an object that cannot be judged stays and is told, and every other one goes', async () => {
  await open();
  const places = Array.from({ length: 9 }, (_, n) =>
    keys.landingPart('ds_gone', { sync: `sy_${n}`, attempt: 1, traceparent: 't' }, 'rows.csv.gz'),
  );
  for (const key of places) await world.store.put(key, Buffer.from('x'), 'application/gzip');
  world.clock.now += 2 * DAY;
  const { syncNeeds } = world.catalog.collection;
  const refusing = (refuses: (ids: string[]) => boolean): typeof world.catalog.collection => ({
    ...world.catalog.collection,
    syncNeeds: (ids, kept) => (refuses(ids) ? Promise.reject(new Error('it took too long')) : syncNeeds(ids, kept)),
  });
  const { report } = await world.collect({ collection: refusing((ids) => ids.includes('sy_3')) });
  expect(report.problems).toEqual([expect.stringContaining(`${places[3]} could not be judged`)]);
  expect(report).toMatchObject({ removed: { landing: { objects: 8 } }, kept: { landing: { objects: 1 } } });
  expect(await under('landing/')).toEqual([places[3]]);

  // Where nothing at all can be judged it is not the objects.
  for (let n = 10; n < 40; n++)
    await world.store.put(
      keys.landingPart('ds_gone', { sync: `sy_${n}`, attempt: 1, traceparent: 't' }, 'a'),
      Buffer.from('x'),
      'application/gzip',
    );
  world.clock.now += 2 * DAY;
  await expect(world.collect({ collection: refusing(() => true) })).rejects.toThrow('it took too long');
  expect(await under('landing/')).toHaveLength(31);
});

test('rows that could not be trimmed are told, and objects go all the same', async () => {
  await open();
  await world.store.put(
    keys.landingPart('ds_gone', { sync: 'sy_gone', attempt: 1, traceparent: 't' }, 'a'),
    Buffer.from('x'),
    'application/gzip',
  );
  world.clock.now += 2 * DAY;
  const collection = { ...world.catalog.collection, trimSyncs: () => Promise.reject(new Error('it took too long')) };
  const { report } = await world.collect({ collection });
  expect(report.problems).toEqual([expect.stringContaining('syncs: not all rows went')]);
  expect(await under('landing/')).toEqual([]);
});

test('the audit log verifies after every batch of a cut, wherever it is broken off, and the next collection goes on', async () => {
  const { audit, collection } = world.catalog;
  await open();
  for (let n = 0; n < 9; n++) await audit.append('key:a', 'change', 'Dataset/x', { n });
  const earlier = await audit.head();
  for (let n = 0; n < 3; n++) await audit.append('key:a', 'change', 'Dataset/x', { n });
  const noted = await audit.head();
  expect(await collection.cutAudit(noted, 'test')).toBe(true);
  const verdict = { ok: true, count: 1, head: { sequence: noted.sequence + 1 } };
  expect(await audit.verify([noted])).toMatchObject(verdict);
  for (let n = 0; n < 3; n++) {
    expect(await collection.trimAudit(2)).toBe(2);
    expect(await audit.verify([noted])).toMatchObject(verdict);
  }
  // Rows behind it are still there, and it never goes back to them.
  expect([await collection.cutAudit(noted, 'test'), await collection.cutAudit(earlier, 'test')]).toEqual([
    false,
    false,
  ]);
  const { report } = await world.collect({ heads: [noted] });
  expect(report.trimmed.audit).toBe(noted.sequence - 6);
  expect(await audit.verify([noted])).toMatchObject(verdict);
});

test('events go in batches, and each tells up to where the feed was cut', async () => {
  const { collection } = world.catalog;
  await world.rows(`INSERT INTO outbox (event_id, event, created_at)
    SELECT 'e' || n, '{"data": {}}', now() - interval '500 days' FROM generate_series(1, 12) n`);
  const [{ last } = { last: 0 }] = await world.rows<{ last: number }>(
    'SELECT max(position)::integer AS last FROM outbox',
  );
  await world.rows('UPDATE relay SET position = $1', [last - 2]);
  const before = new Date(Date.now() - 400 * DAY);
  for (const gone of [4, 4, 2, 0]) {
    expect(await collection.trimOutbox(before, 4)).toBe(gone);
    const [left] =
      await world.rows(`SELECT min(o.position) > (SELECT position FROM log_cut WHERE log = 'outbox') AS behind,
      count(*)::integer AS count FROM outbox o`);
    expect(left).toMatchObject({ behind: true });
  }
  expect(await world.rows('SELECT count(*)::integer AS n FROM outbox')).toEqual([{ n: 2 }]);
});
