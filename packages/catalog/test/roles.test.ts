import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newApiKey } from '@songhua/domain';
import { applyMigrations, type ConnectorRecord } from '../src/index.js';
import { RIGHTS, SERVICE_ROLES, type ServiceRole, STEPS } from '../src/rights.js';
import { createRoleWorld, type RoleWorld } from './as-roles.js';
import {
  applyEstate,
  deliver,
  enqueue,
  landed,
  manifestKey,
  manifestOf,
  OPERATOR,
  result,
  TRACEPARENT,
} from './estate.js';

let world: RoleWorld;
beforeAll(async () => {
  world = await createRoleWorld();
});
afterAll(() => world.end());

const HELD = { code: 'guard.shrink', message: 'm', actor: 'department', retryable: false } as const;
const REJECTED = { count: 1, byCode: { 'cell.type': 1 }, key: 'quarantine/1' };

/** What the connector service does around syncs: registering, secrets, health, pushes. */
async function asConnector(connector: ConnectorRecord): Promise<void> {
  const { connectors, secrets, health, ingests, syncs, resources, audit } = world.connector;
  const { name, id } = connector;
  await connectors.apply(
    [
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name },
        spec: { ...connector.spec, secrets: { token: { value: 'sealed1.a' } } },
      },
    ],
    OPERATOR,
  );
  const approved = (await connectors.get(name))?.approved ?? 0;
  expect(await connectors.secrets(name, approved)).toEqual({ token: 'sealed1.a' });
  const [sealed] = await secrets.page(undefined, 10);
  expect(sealed && (await secrets.replace(sealed, 'sealed1.b'))).toBe(true);
  expect(await connectors.dataset(connector.dataset)).toMatchObject({ department: connector.department });
  await connectors.step(name, { type: 'suspend' }, { author: 'service:connector', reason: 'r' });
  await connectors.step(name, { type: 'resume' }, { author: 'a' });
  expect(await resources.get('Department', connector.department, 'approved')).toBeDefined();
  expect(await connectors.changeToken()).not.toBe('');
  expect(await connectors.cursors([id])).toBeInstanceOf(Map);
  expect(await connectors.lastSlots()).toBeInstanceOf(Map);
  await audit.append('a', 'secret.rotate', 'Secrets', {});

  await enqueue(world.together, [connector], '2026-11-30T00:00:00.000Z');
  const [taken] = await syncs.take('reader', 1, 1, 60);
  if (!taken) throw new Error('nothing to take');
  const progress = { id: taken.id, begun: true, rows: 1, bytes: 1 };
  expect(await syncs.renew('reader', [progress], 60)).toEqual([taken.id]);
  await syncs.giveBack('reader', [taken.id]);
  const [again] = await syncs.take('reader', 1, 1, 60);
  if (!again) throw new Error('nothing to take');
  const failed = result(again, 'failed', { reason: { ...HELD, code: 'source.gone' } });
  expect(await syncs.finish('reader', [failed])).toEqual([again.id]);
  await syncs.recoverExpired(3);
  await syncs.recoverDelivered(600, 3600);
  expect(await syncs.list({ ids: [again.id], limit: 1, offset: 0 })).toMatchObject([{ state: 'failed' }]);

  const [ailing] = await health.ailing(3600);
  if (!ailing) throw new Error('nothing ails');
  await health.record(ailing, {
    failures: 1,
    failingSince: new Date(),
    reason: HELD,
    nextAttemptAt: new Date(Date.now() + 60_000),
    rateLimited: false,
  });
  expect(await health.skip([{ connectorId: id, slot: '2026-11-30T01:00:00.000Z' }])).toEqual(new Set([id]));
  expect(await health.due()).toEqual([]);
  expect([...(await health.of([id])).keys()]).toEqual([id]);

  const push = { sha256: '0'.repeat(64), bytes: 1, objectKey: 'ingest/x', name: 'x.csv', by: 'key:1' };
  const claim = { connector, slot: 'request:push', full: true, traceparent: TRACEPARENT };
  const accepted = await ingests.accept(claim, push);
  expect(await ingests.taken(name, 'request:push')).toMatchObject({ objectKey: 'ingest/x' });
  expect(await ingests.pending(accepted?.sync.id ?? '', 0)).toHaveLength(1);
  expect(await ingests.reading({ id: accepted?.sync.id ?? '', attempt: 1 }, [1])).toBe(false);
  const decision = { reason: 'r', by: 'a', actor: 'operator' } as const;
  expect(await world.catalog.syncs.cancel(accepted?.sync.id ?? '', decision)).toMatchObject({ state: 'failed' });
}

/** A sync from its slot to a version, one that is held, and a replay of what was rejected: landing, refresh and the decisions of the catalog. */
async function throughRefresh(connector: ConnectorRecord): Promise<void> {
  const { refreshes, replays } = world.refresh;
  const published = await deliver(world.together, connector, 'request:one');
  expect(await refreshes.begin(landed(published))).toMatchObject({ mode: 'full' });
  expect(await refreshes.context(published.id)).toMatchObject({ sync: { id: published.id } });
  await refreshes.touch([{ sync: published.id, attempt: landed(published).attempt }]);
  const manifest = manifestOf(published, 1, { content: 'a' });
  expect(await refreshes.publish(manifest, manifestKey(manifest), REJECTED)).toBe('committed');

  const asked = {
    id: 'sy_replay',
    of: published.id,
    slot: 'request:replay',
    codes: undefined,
    by: 'a',
    traceparent: TRACEPARENT,
  };
  expect(await world.catalog.replays.source(published.id)).toMatchObject({ problem: null });
  const opened = await world.catalog.replays.open(asked);
  if (!opened?.lane) throw new Error(`the replay was not opened: ${opened?.problem}`);
  expect(await replays.source(published.id, asked.id)).toMatchObject({ problem: null });
  await refreshes.begin(opened.lane);
  const replay = { ...published, id: asked.id, number: opened.number };
  const next = manifestOf(replay, 2, { content: 'b', previous: { version: 1, content: 'a' } });
  const remaining = { count: 0, byCode: {}, groups: [] };
  const replayed = { of: published.id, version: 2, replayed: { count: 1 }, remaining };
  expect(await refreshes.publish(next, manifestKey(next), { count: 0, byCode: {} }, { replayed })).toBe('committed');

  const back = {
    dataset: connector.dataset,
    version: 1,
    slot: 'rollback:one',
    reason: 'r',
    by: 'a',
    traceparent: TRACEPARENT,
  };
  const rollback = await world.catalog.rollbacks.open({ id: 'sy_rollback', ...back });
  if (rollback.problem !== null) throw new Error(`the rollback was not opened: ${rollback.problem}`);
  const backTo = await refreshes.begin(rollback.lane);
  expect(backTo.sync.rollback).toMatchObject({ version: 1 });
  await refreshes.finish(rollback.lane, { sync: rollback.sync, state: 'failed', reason: HELD }, {});

  await world.landing.syncs.landingTrouble('sy_none', { claim: 1, traceparent: TRACEPARENT, reason: HELD });
  const held = await deliver(world.together, connector, 'request:two');
  await refreshes.begin(landed(held));
  await refreshes.finish(landed(held), { sync: held.id, state: 'held', reason: HELD }, { rejected: REJECTED });
  const decision = { approved: true, reason: 'r', by: 'a' };
  expect(await world.catalog.holds.decide(held.id, decision)).toMatchObject({ state: 'landed' });
  expect(await world.catalog.syncs.recoverLanded(0, 10)).toHaveLength(1);
}

/** Changed rules make what is served anew, or read anew where what landed is not kept. */
async function byChangedRules(connector: ConnectorRecord): Promise<void> {
  const [dataset] = await world.catalog.resources.list({ kind: 'Dataset', name: connector.dataset }, 'latest');
  if (dataset?.kind !== 'Dataset') throw new Error('no such dataset');
  const changed = { ...dataset, spec: { ...dataset.spec, primaryKey: ['id', 'name'] } };
  const { lanes = [] } = await world.catalog.estate.apply([changed], 'a');
  const lane = lanes.at(-1);
  if (!lane) throw new Error('changed rules opened no refresh');
  expect(await world.refresh.refreshes.reread(lane)).not.toBe('');
}

/** A run of the collector; what it would remove is none of this test's. */
async function asCollector(sync: string): Promise<void> {
  const { collection, audit } = world.catalog;
  const id = await collection.begin({ dryRun: false, by: 'a', leaseSeconds: 60, everySeconds: 0 });
  if (id === undefined) throw new Error('another run has the lease');
  const report = (await collection.get(id))?.report;
  if (!report) throw new Error('the run has no report');
  expect(await collection.renew(id, 60, { stage: 's', report })).toBe(true);
  expect([...(await collection.syncNeeds([sync], 2)).keys()]).toEqual([sync]);
  const [now, long] = [new Date(), new Date(0)];
  expect(await collection.releaseLandings([sync], { before: long, kept: 2 })).toEqual(new Set());
  const version = { datasetId: (await world.catalog.syncs.get(sync))?.datasetId ?? '', number: 1 };
  expect(await collection.versions([version])).toMatchObject([{ number: 1, removedAt: null }]);
  expect(await collection.renders(['renders/x'])).toEqual(new Set(['renders/x']));
  expect(await collection.pushes(['ingest/x'], long)).toEqual({
    known: new Set(['ingest/x']),
    needed: new Set(['ingest/x']),
  });
  expect(await collection.quarantined(['quarantine/1'], [sync])).toBeInstanceOf(Set);
  expect([await collection.expiredVersions(now, 10), await collection.expireVersions(now, 10, 'a')]).toEqual([[], []]);
  for (const dryRun of [true, false])
    expect(await collection.trimSyncs({ before: long, kept: 2 }, null, 10, dryRun)).toMatchObject({ removed: 0 });
  expect([await collection.countRejected(long), await collection.trimRejected(long, 10)]).toEqual([0, 0]);
  expect(await collection.countOutbox(now, 0, 10)).toMatchObject({ count: 2 });
  expect(await collection.trimOutbox(now, 10)).toBe(2);
  const head = await audit.head();
  expect(await collection.isAuditHead(head, long)).toBe(false);
  expect(await collection.countAudit(head.sequence)).toBe(head.sequence);
  expect(await collection.cutAudit(head, 'a')).toBe(true);
  expect(await collection.trimAudit(head.sequence)).toBe(head.sequence);
  expect(await audit.verify([head])).toMatchObject({ ok: true });
  await collection.end(id, report, null);
  expect(await collection.list(1)).toMatchObject([{ state: 'done' }]);
}

/** What the catalog service reads and writes for its callers. */
async function asCatalog(connector: ConnectorRecord): Promise<void> {
  const { estate, syncs, connectors, resources, health, notices, access, audit } = world.catalog;
  const now = new Date();
  const page = { page: 1, pageSize: 10, sort: 'freshness' } as const;
  expect(await estate.summary(now)).toMatchObject({ datasets: 2, versions: 2 });
  expect(await estate.openDueRefreshes(30)).toEqual([]);
  expect(await estate.datasets(page, now)).toMatchObject({ total: 2 });
  expect(await estate.dataset(connector.dataset, now)).toMatchObject({ version: 2 });
  expect(await estate.versions(connector.dataset)).toHaveLength(2);
  const version = await estate.version(connector.dataset, 'latest');
  if (!version) throw new Error('no version is current');
  const file = { name: 'data.csv', key: 'renders/x', mediaType: 'text/csv', bytes: 1, sha256: '0'.repeat(64) };
  expect(await estate.recordRender(version, file)).toEqual(file);
  expect(await estate.render(version, 'data.csv')).toEqual(file);
  expect([await estate.departments(), await estate.domains()].map((groups) => groups.length)).toEqual([1, 1]);
  const [quarantined] = await estate.quarantine({ limit: 10, offset: 0 });
  expect(await estate.quarantined(quarantined?.sync ?? '')).toEqual(quarantined);
  expect(await estate.relay(10, async () => undefined)).toBe(2);
  expect(await estate.changes(undefined, 10)).toHaveLength(2);
  expect(await estate.lastPosition()).toBe('2');

  expect(await syncs.list({ limit: 1, offset: 0 })).toHaveLength(1);
  expect(await syncs.progress('one')).toMatchObject({ published: 1 });
  const [sync] = await syncs.list({ request: 'one', limit: 1, offset: 0 });
  expect(await syncs.get(sync?.id ?? '')).toEqual(sync);
  expect(await syncs.rereadDelivered(600)).toEqual([]);
  expect(await connectors.get(connector.name)).toEqual((await connectors.list({ names: [connector.name] }))[0]);
  expect(await resources.list({}, 'latest')).toHaveLength(6);
  expect(await resources.get('Connector', connector.name, 'latest')).toBeDefined();
  expect(await resources.revisions('Dataset', connector.dataset)).toHaveLength(1);
  expect(await health.of([connector.id])).toBeInstanceOf(Map);
  expect(await notices.list({ limit: 10 })).toMatchObject([{ code: 'connector.suspended' }]);

  const [made, other] = [newApiKey(), newApiKey()];
  await access.createKey(made, { title: 't', role: 'operator' }, 'a');
  await access.touch(made.id);
  expect(await access.key(made.id)).toMatchObject({ state: 'active' });
  await access.rotateKey(made.id, other, 60, 'a');
  expect(await access.revokeKey(other.id, 'a')).toMatchObject({ state: 'revoked' });
  expect(await access.ensureOperator(newApiKey().key)).toBe(true);
  expect(await access.keys()).toHaveLength(3);
  for (const kind of ['connector', 'dataset', 'sync', 'request', 'revision'] as const) await access.owners(kind, ['x']);
  await audit.append('a', 'note', 'Thing/x', {});
  expect(await audit.list({ limit: 1 })).toMatchObject([{ action: 'note' }]);
  const head = await audit.head();
  expect(await audit.verify([head])).toMatchObject({ ok: true });
}

test('each service does all that it offers as its own role', async () => {
  const [connector, other] = await applyEstate(world.together, 2);
  if (!connector || !other) throw new Error('no connectors');
  await asConnector(connector);
  await throughRefresh(connector);
  await asCatalog(connector);
  await byChangedRules(connector);
  await asCollector((await world.catalog.syncs.list({ request: 'one', limit: 1, offset: 0 }))[0]?.id ?? '');
  expect(await world.connector.connectors.delete(other.name, 'a')).toBe(true);
  expect(await world.catalog.estate.delete('Dataset', other.dataset, 'a')).toBe(true);
  for (const service of SERVICE_ROLES) await world[service].ping();
  expect(world.uncalled()).toEqual([]);
});

test('a notification reaches a role that listens', async () => {
  let wakes = 0;
  let stop: (() => Promise<void>) | undefined;
  await new Promise<void>((resolve, reject) => {
    stop = world.catalog.listen('songhua_outbox', () => {
      wakes++;
      // The first wake tells that it listens.
      if (wakes > 1) resolve();
      else world.run('refresh', `SELECT pg_notify('songhua_outbox', '')`).catch(reject);
    });
  });
  await stop?.();
});

const FORBIDDEN: Record<ServiceRole, string[]> = {
  connector: [
    'SELECT hash FROM api_key',
    'UPDATE sync SET state = state',
    'DELETE FROM sync',
    `INSERT INTO sync (id) VALUES ('x')`,
    `INSERT INTO version (dataset_id) VALUES ('x')`,
    'UPDATE current_pointer SET number = number',
    `UPDATE connector_cursor SET cursor = '{}'`,
    'UPDATE connector SET settled_number = 0',
    'UPDATE connector SET last_number = 0',
    'DELETE FROM connector',
    `UPDATE dataset SET title = ''`,
    `INSERT INTO audit (actor) VALUES ('x')`,
    'SELECT 1 FROM audit',
    `INSERT INTO revision (kind) VALUES ('x')`,
    `SELECT refresh_begin('x', 1)`,
    `SELECT sync_land('x', 1, '{}')`,
    `SELECT hold_decide('x', '{}')`,
    `SELECT rollback_open('{}')`,
    `SELECT sync_fail(s, '{}') FROM sync s`,
    `SELECT dataset_remove('x')`,
  ],
  landing: [
    'SELECT 1 FROM sync',
    'UPDATE sync SET state = state',
    `INSERT INTO version (dataset_id) VALUES ('x')`,
    'SELECT 1 FROM connector_secret',
    'SELECT 1 FROM api_key',
    'SELECT 1 FROM dataset',
    `SELECT audit_append('x', 'x', 'x', '{}')`,
    `SELECT sync_enqueue('[]')`,
    `SELECT refresh_finish('x', 1, '{}', '{}')`,
  ],
  refresh: [
    'SELECT value FROM connector_secret',
    'SELECT 1 FROM api_key',
    'SELECT 1 FROM sync',
    'UPDATE sync SET state = state',
    `INSERT INTO version (dataset_id) VALUES ('x')`,
    'UPDATE current_pointer SET number = number',
    `INSERT INTO outbox (event_id, event) VALUES ('x', '{}')`,
    `SELECT audit_append('x', 'x', 'x', '{}')`,
    `SELECT cursor_advance(NULL, '{}')`,
    `SELECT sync_take('x', 1, 1, 1)`,
    `SELECT hold_decide('x', '{}')`,
    `SELECT rollback_open('{}')`,
  ],
  catalog: [
    'SELECT value FROM connector_secret',
    'SELECT connector_id FROM connector_secret',
    'DELETE FROM connector_secret',
    'UPDATE sync SET state = state',
    'DELETE FROM sync',
    'UPDATE connector SET spec = spec',
    `UPDATE connector_health SET failures = 0, reason = NULL`,
    `INSERT INTO version (dataset_id) VALUES ('x')`,
    'UPDATE current_pointer SET number = number',
    `INSERT INTO outbox (event_id, event) VALUES ('x', '{}')`,
    'UPDATE audit SET actor = actor',
    'DELETE FROM audit',
    'DELETE FROM dataset',
    'DELETE FROM api_key',
    `UPDATE api_key SET role = 'operator'`,
    `UPDATE hold_decision SET approved = true`,
    `INSERT INTO version_tombstone (dataset_id, number, at, by, reason) VALUES ('x', 1, now(), 'x', 'x')`,
    'UPDATE log_cut SET position = 1',
    'SELECT sha256 FROM ingest',
    `SELECT refresh_publish('{}', 'x', '{}', '{}', '{}')`,
    `SELECT sync_land('x', 1, '{}')`,
    `SELECT sync_take('x', 1, 1, 1)`,
    `SELECT connector_end('x', '{}')`,
  ],
};
const FORBIDDEN_TO_ALL = [
  'CREATE TABLE x (y int)',
  'ALTER TABLE audit DISABLE TRIGGER audit_immutable',
  'TRUNCATE sync',
  `UPDATE applied_routines SET hash = ''`,
  `CREATE FUNCTION x() RETURNS void LANGUAGE sql AS 'SELECT 1'`,
];

describe.each(SERVICE_ROLES)('role %s', (service) => {
  test.each([...FORBIDDEN[service], ...FORBIDDEN_TO_ALL])('may not: %s', async (sql) => {
    await expect(world.run(service, sql)).rejects.toMatchObject({ code: '42501' });
  });
});

type Held = { functions: string[]; tables: string[] };

const heldBy = async (service: ServiceRole): Promise<Held> => {
  const [row] = await world.run<Held>(
    'owner',
    `SELECT (SELECT array_agg(p.proname::text ORDER BY p.proname) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege($1, p.oid, 'EXECUTE')) AS functions,
      (SELECT array_agg(c.relname::text ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
        AND c.relkind IN ('r', 'v') AND has_any_column_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')) AS tables`,
    [world.roles[service]],
  );
  return { functions: row?.functions ?? [], tables: row?.tables ?? [] };
};

const told = (service: ServiceRole): Held => {
  const { steps, rules, tables } = RIGHTS[service];
  return { functions: [...steps, ...rules].sort(), tables: Object.keys(tables).sort() };
};

test('each role has what is listed for it and nothing else, also after its rights were changed and the functions made anew', async () => {
  for (const service of SERVICE_ROLES) expect(await heldBy(service)).toEqual(told(service));
  await world.run('owner', `GRANT UPDATE ON sync TO ${world.roles.landing}; UPDATE applied_routines SET hash = ''`);
  await applyMigrations(world.databaseUrl, world.roles);
  for (const service of SERVICE_ROLES) expect(await heldBy(service)).toEqual(told(service));
});

test('what runs with the rights of the owner is a step of a service, and finds its tables by its own path', async () => {
  const rows = await world.run<{ name: string; config: string[] | null }>(
    'owner',
    `SELECT proname::text AS name, proconfig AS config FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1`,
  );
  expect(rows).toEqual(STEPS.map((name) => ({ name, config: ['search_path=public, pg_temp'] })));
});

test('nobody else may call a function', async () => {
  const rows = await world.run(
    'owner',
    `SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
     WHERE p.pronamespace = 'public'::regnamespace AND a.grantee = 0`,
  );
  expect(rows).toEqual([]);
});
