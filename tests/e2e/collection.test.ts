import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type City, type CityServer, createCity, serve } from '@songhua/city';
import { type Collection, type Manifest, manifestSchema, namesOf, parseKey } from '@songhua/contracts';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import { waitFor } from '@songhua/runtime/testing';
import { Client as Postgres } from 'pg';
import { violations } from '../harness/invariants.js';
import { type System, sharedEngines, startSystem } from '../harness/system.js';

/*
 * A city that changes for some steps, with kills of services amid them, and rollbacks and collections between them: nothing is under way then, so that the
 * grace may be nothing. What collections amid work may do is the property of the catalog service's collection.test.ts. The full figure is
 * the same test with SONGHUA_COLLECTION_SCALE=1 SONGHUA_COLLECTION_DATASETS=10000 SONGHUA_COLLECTION_STEPS=50.
 */
const SCALE = Number(process.env.SONGHUA_COLLECTION_SCALE ?? 0.002);
const STEPS = Number(process.env.SONGHUA_COLLECTION_STEPS ?? 3);
const PATIENCE = 3_600_000;
const DATASETS = Number(process.env.SONGHUA_COLLECTION_DATASETS ?? 24);
const KILLED = ['refresh', 'landing', 'connector', 'refresh', 'catalog'];

const deployment = `gc-${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), 'songhua-collection-'));
let city: City;
let server: CityServer;
let system: System;
let store: ObjectStore;

beforeAll(async () => {
  Object.assign(process.env, {
    SONGHUA_GC_EVERY_HOURS: '0',
    SONGHUA_GC_GRACE_HOURS: '0',
    SONGHUA_GC_LANDING_DAYS: '0',
  });
  city = createCity({ scale: SCALE, seed: 7 });
  await city.write(join(folder, 'city'));
  server = await serve({ dir: join(folder, 'city') });
  const engines = sharedEngines();
  const { bucketPrefix: prefix } = namesOf(deployment);
  store = createMinioStore({ ...engines.endpoints.s3, prefix });
  system = await startSystem({ home: join(folder, 'system'), fileRoots: [join(folder, 'city')], engines, deployment });
  const resources = city.resources({ root: join(folder, 'city'), httpBase: server.url });
  const names = new Set(
    resources
      .filter(({ kind }) => kind === 'Dataset')
      .slice(0, DATASETS)
      .map(({ metadata }) => metadata.name),
  );
  await system.apply(
    resources.filter((one) =>
      one.kind === 'Connector' ? names.has(one.spec.dataset) : one.kind !== 'Dataset' || names.has(one.metadata.name),
    ),
  );
}, PATIENCE);

afterAll(async () => {
  await system?.stop({ wipe: true });
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

async function collect(): Promise<Collection & { seconds: number }> {
  const started = performance.now();
  const begun = await system.post<Collection>('/api/v1/gc', { dryRun: false });
  let now = begun;
  await waitFor(
    'the collection to end',
    async () => {
      now = await system.get<Collection>(`/api/v1/gc/${begun.id}`);
      return now.state !== 'running';
    },
    PATIENCE,
  );
  expect(now).toMatchObject({ state: 'done', problem: null, report: { problems: [], unknown: { objects: 0 } } });
  return { ...now, seconds: (performance.now() - started) / 1000 };
}

interface Bucket {
  objects: Map<string, number>;
  bytes: number;
  /** What manifests of versions name, themselves included. */
  named: Set<string>;
  missing: string[];
  orphans: string[];
}

/** Rolls one dataset back to its first version, another one in each step, and waits for the end of it. */
async function rollBack(step: number): Promise<void> {
  const { items } = await system.get<{ items: { name: string; versions: number }[] }>('/api/v1/datasets?pageSize=200');
  const changed = items.filter(({ versions }) => versions > 1);
  const dataset = changed[step % changed.length]?.name;
  if (dataset === undefined) throw new Error('no dataset has two versions');
  const { sync } = await system.post<{ sync?: string }>(`/api/v1/datasets/${dataset}/versions/1:rollback`, {
    reason: `step ${step}`,
  });
  if (sync === undefined) return;
  let state = 'landed';
  await waitFor(
    `${dataset} to be rolled back`,
    async () => {
      ({ state } = await system.get<{ state: string }>(`/api/v1/syncs/${sync}`));
      return state !== 'landed' && state !== 'refreshing';
    },
    PATIENCE,
  );
  expect(state).toBe('published');
}

/** The bucket held against manifests and rows, without asking the collector. */
async function examine(): Promise<Bucket> {
  const objects = new Map<string, number>();
  for await (const { key, bytes } of store.list('')) objects.set(key, bytes);
  const database = new Postgres({ connectionString: system.engines.endpoints.databaseUrl });
  await database.connect();
  try {
    const column = async (sql: string): Promise<string[]> =>
      (await database.query<{ value: string }>(sql)).rows.map(({ value }) => value);
    const named = new Set<string>();
    for (const key of await column('SELECT manifest_key AS value FROM version')) {
      named.add(key);
      const manifest: Manifest = manifestSchema.parse(JSON.parse((await store.readAll(key, 16 << 20)).toString()));
      for (const file of manifest.files) named.add(file.key);
    }
    const landings = new Set(
      await column(`SELECT landing_key AS value FROM (SELECT landing_key, state, row_number() OVER (
          PARTITION BY connector_id, state IN ('published', 'unchanged') AND landing_key IS NOT NULL ORDER BY number DESC) AS place
        FROM sync WHERE purpose <> 'rollback') x WHERE landing_key IS NOT NULL AND (state = 'held' OR (state IN ('published', 'unchanged') AND place <= 2))
        UNION SELECT s.landing_key FROM rejected_summary q JOIN sync s ON s.id = q.sync_id WHERE q.count > 0 AND s.landing_key IS NOT NULL`),
    );
    const others = new Set(
      await column(`SELECT key AS value FROM rejected_summary WHERE key IS NOT NULL UNION SELECT key FROM quarantine_replay
        WHERE key IS NOT NULL UNION SELECT key FROM render`),
    );
    const isNeeded = (key: string): boolean => {
      const is = parseKey(key);
      if (is?.kind === 'landing') return landings.has(`${key.slice(0, key.lastIndexOf('/'))}/manifest.json`);
      return named.has(key) || others.has(key) || is?.kind === 'audit-head';
    };
    return {
      objects,
      bytes: [...objects.values()].reduce((sum, bytes) => sum + bytes, 0),
      named,
      missing: [...named].filter((key) => !objects.has(key)),
      orphans: [...objects.keys()].filter((key) => !isNeeded(key)),
    };
  } finally {
    await database.end();
  }
}

test(
  'a city that changed for many steps, with kills amid them and rollbacks between them, keeps after collections all that its manifests name and nothing that nobody needs (I8)',
  async () => {
    await system.sync({ all: true }, { timeoutMs: PATIENCE });
    let most = 0;
    for (let step = 1; step <= STEPS; step++) {
      city.evolve(step);
      await city.write(join(folder, 'city'));
      const running = system.sync({ all: true }, { timeoutMs: PATIENCE });
      // Amid the run, when some of it has landed.
      const label = KILLED[step % KILLED.length] ?? 'refresh';
      await waitFor(
        'something to have been read',
        async () => (await system.get<{ items: unknown[] }>('/api/v1/syncs?limit=1')).items.length > 0,
        PATIENCE,
      );
      await system.service(label).kill();
      await waitFor(
        `${label} to be back`,
        async () =>
          (await fetch(`http://127.0.0.1:${system.service(label).port}/readyz`).catch(() => undefined))?.ok === true,
        PATIENCE,
      );
      await running;
      await rollBack(step);
      if (step % 2 === 0) await collect();
      most = Math.max(most, (await examine()).bytes);
    }
    const before = await examine();
    expect(before.missing).toEqual([]);
    const last = await collect();
    const after = await examine();
    const removed = Object.values(last.report.removed).reduce((sum, { objects }) => sum + objects, 0);
    expect(after.orphans).toEqual([]);
    expect(after.missing).toEqual([]);
    expect(await violations(system)).toEqual([]);
    const present = (100 * (after.named.size - after.missing.length)) / after.named.size;
    console.info(
      `collection: scale ${SCALE}, ${DATASETS} datasets at most, ${STEPS} steps; ${after.named.size} objects named by manifests, ${present} % present; ` +
        `orphans ${before.orphans.length} before, ${after.orphans.length} after; bytes ${before.bytes} before (at most ${most}), ${after.bytes} after; ` +
        `objects ${before.objects.size} before, ${after.objects.size} after, ${removed} removed; in ${last.seconds.toFixed(1)} s`,
    );
  },
  PATIENCE,
);
