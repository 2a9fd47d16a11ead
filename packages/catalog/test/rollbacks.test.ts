import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Manifest } from '@songhua/contracts';
import type pg from 'pg';
import { OBJECTS } from '../src/backup/names.js';
import type { AskedRollback, Catalog, ConnectorRecord, SyncRecord } from '../src/index.js';
import {
  createWorld,
  deliver,
  enqueue,
  land,
  landed,
  manifestKey,
  manifestOf,
  NO_REJECTED,
  publish,
  result,
  rowsOf,
  TRACEPARENT,
} from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
let databaseUrl: string;
const world = createTwoVersions();
beforeEach(async () => {
  ({ catalog, connector, databaseUrl } = await world.fresh());
});
afterAll(() => world.end());

/** A dataset whose first version has `a`, and the second, which is served, `b`. */
function createTwoVersions() {
  const { fresh, end } = createWorld(16);
  return {
    end,
    async fresh() {
      const made = await fresh();
      await publish(made.catalog, made.connector, 'request:1', 1, 'a');
      await publish(made.catalog, made.connector, 'request:2', 2, 'b', { version: 1, content: 'a' });
      return made;
    },
  };
}

let asks = 0;
const ask = (version: number, more: { dataset?: string } = {}): Promise<AskedRollback> =>
  catalog.rollbacks.open({
    id: `sy_rollback_${++asks}`,
    dataset: connector.dataset,
    version,
    slot: `rollback:${asks}`,
    reason: 'the file was cut',
    by: 'key:1',
    traceparent: TRACEPARENT,
    ...more,
  });

async function open(version: number): Promise<SyncRecord> {
  const asked = await ask(version);
  const sync = asked.problem === null ? await catalog.syncs.get(asked.sync) : undefined;
  if (!sync) throw new Error(`not opened: ${asked.problem}`);
  return sync;
}

const reference = ({ id, datasetId }: SyncRecord) => ({ sync: id, datasetId, attempt: 1, bytes: 100 });

/** The manifest with which a worker ends a rollback. */
const rolledBack = (sync: SyncRecord, version: number, content: string, before: string): Manifest => ({
  ...manifestOf(sync, version, { content, previous: { version: version - 1, content: before } }),
  rollbackTo: sync.rollbackTo ?? 0,
});

/** Rolls back and publishes `content`, which that version had. */
async function rollBack(to: number, version: number, content: string, before: string): Promise<SyncRecord> {
  const sync = await open(to);
  await catalog.refreshes.begin(reference(sync));
  const manifest = rolledBack(sync, version, content, before);
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
  return sync;
}

const rows = <T extends pg.QueryResultRow>(sql: string, values?: unknown[]) => rowsOf<T>(databaseUrl, sql, values);
const entry = () => catalog.estate.dataset(connector.dataset, new Date());

test('a rollback is a sync that landed at once, beside an audit row that says who asked for it and why', async () => {
  const sync = await open(1);
  expect(sync).toMatchObject({
    state: 'landed',
    purpose: 'rollback',
    rollbackTo: 1,
    number: 3,
    connector: connector.name,
  });
  const { rollback, landing, replay } = (await catalog.refreshes.begin(reference(sync))).sync;
  expect({ rollback, replay }).toEqual({ rollback: { version: 1, cursor: { content: 'b' } }, replay: null });
  expect(landing).toBe((await catalog.estate.version(connector.dataset, 1))?.manifestKey);
  const [row] = await catalog.audit.list({ action: 'version.rollback', limit: 1 });
  expect(row).toMatchObject({
    actor: 'key:1',
    subject: `Dataset/${connector.dataset}`,
    detail: { sync: sync.id, to: 1, from: 2, reason: 'the file was cut' },
  });
});

test('what an earlier version had is the next one, announced as any is, and moves neither cursor nor clocks (I5)', async () => {
  const before = await entry();
  const cursors = await catalog.connectors.cursors([connector.id]);
  await rollBack(1, 3, 'a', 'b');
  const after = await entry();
  expect(after).toMatchObject({ version: 3, clocks: before?.clocks, lastSync: { state: 'published' } });
  expect(await catalog.connectors.cursors([connector.id])).toEqual(cursors);
  expect((await catalog.estate.changes(undefined, 10)).map(({ event }) => event.data.version)).toEqual([1, 2, 3]);
  const [one, , three] = (await catalog.estate.versions(connector.dataset)).reverse();
  expect(three?.identity).toBe(one?.identity);
});

test('a worker that comes twice with one rollback makes one version (I3)', async () => {
  const sync = await open(1);
  await catalog.refreshes.begin(reference(sync));
  const manifest = rolledBack(sync, 3, 'a', 'b');
  const commit = (): Promise<string> => catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
  expect((await Promise.all([commit(), commit()])).sort()).toEqual(['already', 'committed']);
  expect((await catalog.refreshes.begin(reference(sync))).handled).toMatchObject({ state: 'published', version: 3 });
  expect(await catalog.estate.versions(connector.dataset)).toHaveLength(3);
});

test('of rollbacks of one dataset that are asked for at once one is opened; to its version it is the same, to another it is told', async () => {
  await publish(catalog, connector, 'request:3', 3, 'c', { version: 2, content: 'b' });
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(1 + (i % 2))));
  const opened = new Set(answers.flatMap((one) => (one.problem === null ? [one.sync] : [])));
  expect(opened.size).toBe(1);
  const [sync] = opened;
  const to = (await catalog.syncs.get(sync ?? ''))?.rollbackTo;
  expect(answers.filter(({ problem }) => problem === 'busy')).toEqual(Array(6).fill({ problem: 'busy', sync, to }));
  expect(await catalog.syncs.list({ connector: connector.name, state: 'landed', limit: 9, offset: 0 })).toHaveLength(1);
  expect(await catalog.audit.list({ action: 'version.rollback', limit: 9 })).toHaveLength(1);
});

test('a version that is not there, is served already or lost its files is none to go back to, and nothing is opened', async () => {
  expect(await ask(9)).toEqual({ problem: 'missing' });
  expect(await ask(1, { dataset: 'nowhere' })).toEqual({ problem: 'missing' });
  expect(await ask(2)).toEqual({ problem: 'served', version: 2 });
  await rollBack(1, 3, 'a', 'b');
  expect(await ask(1)).toEqual({ problem: 'served', version: 3 });
  await rows(`INSERT INTO version_tombstone SELECT dataset_id, 2, now(), 'test', 'r' FROM current_pointer`);
  expect(await ask(2)).toEqual({ problem: 'removed' });
  expect(await catalog.syncs.list({ connector: connector.name, limit: 9, offset: 0 })).toHaveLength(3);
});

test('the files of a version stay while a rollback to it is open, and go with the next collection after it (I8)', async () => {
  await rows(`UPDATE dataset SET spec = spec || '{"versions": {"keep": 1}}'`);
  await catalog.estate.relay(10, async () => undefined);
  const far = new Date(Date.now() + 86_400_000);
  const sync = await open(1);
  expect(await catalog.collection.expiredVersions(far, 10)).toEqual([]);
  expect(await catalog.collection.expireVersions(far, 10, 'gc')).toEqual([]);
  const reason = { code: 'x.y', message: 'm', actor: 'platform', retryable: false } as const;
  await catalog.refreshes.finish(reference(sync), { sync: sync.id, state: 'failed', reason }, {});
  expect(await catalog.collection.expireVersions(far, 10, 'gc')).toMatchObject([{ number: 1 }]);
  expect(await ask(1)).toEqual({ problem: 'removed' });
});

test('it is a sync of the connector that made the version, else of the one that there is, else of none', async () => {
  await catalog.connectors.delete(connector.name, 'test');
  expect(await ask(1)).toEqual({ problem: 'no-connector' });
  const { spec } = connector;
  const other = { apiVersion: 'songhua/v1' as const, kind: 'Connector' as const, metadata: { name: 'another' }, spec };
  await catalog.connectors.apply([other], { name: 'test', mayApprove: false });
  expect(await ask(1)).toEqual({ problem: 'no-connector' });
  await catalog.connectors.step('another', { type: 'submit' }, { author: 'test' });
  await catalog.connectors.step('another', { type: 'approve' }, { author: 'test' });
  expect(await open(1)).toMatchObject({ connector: 'another', number: 1 });
});

test("a rollback ends with its connector, and is in nobody's way then", async () => {
  const sync = await open(1);
  await catalog.connectors.delete(connector.name, 'test');
  expect((await catalog.refreshes.begin(reference(sync))).handled).toMatchObject({ state: 'failed' });
  expect(await ask(1)).toEqual({ problem: 'no-connector' });
});

test('no hold is decided by a rollback, and no read is overtaken by one', async () => {
  const held = await deliver(catalog, connector, 'request:3');
  await catalog.refreshes.begin(landed(held));
  const reason = { code: 'guard.shrink', message: 'm', actor: 'department', retryable: false } as const;
  await catalog.refreshes.finish(landed(held), { sync: held.id, state: 'held', reason }, {});
  await enqueue(catalog, [connector], 'request:4');
  const [read] = await catalog.syncs.take('reader', 1, 1, 60);
  if (!read) throw new Error('nothing to take');
  await rollBack(1, 3, 'a', 'b');
  expect(await catalog.syncs.get(held.id)).toMatchObject({ state: 'held' });
  await catalog.syncs.finish('reader', [result(read, 'delivered', { rows: 1, bytes: 10 })]);
  await land(catalog, read);
  expect((await catalog.refreshes.begin(landed(read))).handled).toBeUndefined();
});

test('what is served differs from the source until all of it was read again', async () => {
  expect(await entry()).toMatchObject({ inSync: 'confirmed' });
  await rollBack(1, 3, 'a', 'b');
  expect(await entry()).toMatchObject({ inSync: 'differs' });
  // A look that finds the source as it was at the last read says nothing of what is served.
  await enqueue(catalog, [connector], 'request:3');
  const [looked] = await catalog.syncs.take('reader', 1, 1, 60);
  await catalog.syncs.finish('reader', looked ? [result(looked, 'unchanged')] : []);
  expect(await entry()).toMatchObject({ inSync: 'differs' });
  await publish(catalog, connector, 'request:4', 4, 'b', { version: 3, content: 'a' });
  expect(await entry()).toMatchObject({ inSync: 'confirmed', version: 4 });
});

test('rollbacks that are asked for while versions are published and collected wait for each other, and nobody for ever', async () => {
  await rows(`UPDATE dataset SET spec = spec || '{"versions": {"keep": 3}}'`);
  const reason = { code: 'x.y', message: 'm', actor: 'platform', retryable: false } as const;
  const publishing = async (): Promise<void> => {
    for (let n = 3; n <= 12; n++)
      await publish(catalog, connector, `request:${n}`, n, `c${n}`, {
        version: n - 1,
        content: n === 3 ? 'b' : `c${n - 1}`,
      });
  };
  const asking = async (): Promise<void> => {
    for (let n = 0; n < 20; n++) {
      const asked = await ask(1);
      if (asked.problem === 'removed') continue;
      if (asked.problem !== null) throw new Error(`not opened: ${asked.problem}`);
      await catalog.refreshes.finish(asked.lane, { sync: asked.sync, state: 'failed', reason }, {});
    }
  };
  const collecting = async (): Promise<void> => {
    for (let n = 0; n < 10; n++) {
      await catalog.estate.relay(100, async () => undefined);
      await catalog.collection.expireVersions(new Date(Date.now() + 86_400_000), 10, 'gc');
    }
  };
  await Promise.all([publishing(), asking(), collecting()]);
  expect(await catalog.estate.version(connector.dataset, 'latest')).toMatchObject({ version: 12 });
});

test('a rollback that failed says nothing of how its source fares', async () => {
  const sync = await open(1);
  const reason = { code: 'version.corrupt', message: 'm', actor: 'operator', retryable: false } as const;
  await catalog.refreshes.finish(reference(sync), { sync: sync.id, state: 'failed', reason }, {});
  const ends = (await catalog.health.ailing(3600)).flatMap((one) => one.ends);
  expect(ends.map((end) => end.reason)).toEqual([null, null]);
});

test('rules that are changed afterwards make what landed last anew, once', async () => {
  await rollBack(1, 3, 'a', 'b');
  const [dataset] = await catalog.resources.list({ kind: 'Dataset', name: connector.dataset }, 'latest');
  if (dataset?.kind !== 'Dataset') throw new Error('no such dataset');
  expect((await catalog.estate.apply([dataset], 'a')).lanes).toEqual([]);
  const changed = { ...dataset, spec: { ...dataset.spec, primaryKey: ['id', 'name'] } };
  const { lanes } = await catalog.estate.apply([changed], 'a');
  expect(lanes).toHaveLength(1);
  const context = await catalog.refreshes.begin(lanes[0] ?? { sync: '', attempt: 1 });
  expect(context.sync).toMatchObject({ purpose: 'rules', landing: expect.stringContaining('landing/') });
  expect((await catalog.estate.apply([changed], 'a')).lanes).toEqual([]);
});

test('rules that were due already do not undo a rollback by themselves', async () => {
  const [dataset] = await catalog.resources.list({ kind: 'Dataset', name: connector.dataset }, 'latest');
  if (dataset?.kind !== 'Dataset') throw new Error('no such dataset');
  const changed = { ...dataset, spec: { ...dataset.spec, primaryKey: ['id', 'name'] } };
  const { lanes } = await catalog.estate.apply([changed], 'a');
  const [rules] = lanes;
  if (!rules) throw new Error('nothing was opened by the changed rules');
  const reason = { code: 'object.unavailable', message: 'm', actor: 'operator', retryable: true } as const;
  await catalog.refreshes.begin(rules);
  await catalog.refreshes.finish(rules, { sync: rules.sync, state: 'failed', reason }, {});
  await rollBack(1, 3, 'a', 'b');
  await rows(`UPDATE sync SET ended_at = ended_at - interval '1 day' WHERE purpose = 'rules'`);
  expect(await catalog.estate.openDueRefreshes(30)).toEqual([]);
});

test('a rollback does not make a read that was delivered count as lost', async () => {
  await enqueue(catalog, [connector], 'request:later');
  const [read] = await catalog.syncs.take('reader', 1, 1, 60);
  if (!read) throw new Error('nothing to take');
  await catalog.syncs.finish('reader', [result(read, 'delivered')]);
  await open(1);
  expect(await catalog.syncs.recoverDelivered(-1, 3600)).toEqual({ requeued: [], failed: [] });
});

test('a backup takes what a rollback reads as the version that it is, and not as what landed', async () => {
  const { landing } = await open(1);
  const named = await rows<{ row: { key: string; kind: string } }>(OBJECTS);
  expect(named.filter(({ row }) => row.kind === 'landing')).toHaveLength(2);
  expect(named.map(({ row }) => row.key)).not.toContain(landing?.key);
});

test('a restored catalog hands an open rollback over again', async () => {
  const sync = await open(1);
  await rows(`SELECT catalog_restored('{}')`);
  expect(await catalog.syncs.recoverLanded(60, 10)).toMatchObject([{ sync: sync.id, attempt: 1 }]);
});
