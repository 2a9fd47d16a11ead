import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Catalog, type CollectionRepository, createCatalog } from '@songhua/catalog';
import { createTestDatabase, type TestDatabase } from '@songhua/catalog/testing';
import type { AuditHead, Resource } from '@songhua/contracts';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import pg from 'pg';
import { collect } from '../../src/collection/collector.js';
import { type Retention, retentionSchema } from '../../src/collection/policy.js';
import { createTally, type Tally } from '../../src/collection/tally.js';

const HOUR_MS = 3_600_000;
const apiVersion = 'songhua/v1';

/** A bucket that takes the time from a clock of its own, so that a test has days where there are milliseconds. */
function withClock(store: ObjectStore, now: () => number): ObjectStore {
  const written = new Map<string, number>();
  const note = <T>(key: string, result: T): T => {
    written.set(key, now());
    return result;
  };
  const timed = <T extends { key: string; modifiedAt: Date }>(object: T): T => ({
    ...object,
    modifiedAt: new Date(written.get(object.key) ?? 0),
  });
  return {
    ...store,
    put: async (key, body, type) => note(key, await store.put(key, body, type)),
    putFile: async (key, path, type) => note(key, await store.putFile(key, path, type)),
    async putIfAbsent(key, body, type) {
      const outcome = await store.putIfAbsent(key, body, type);
      return outcome === 'created' ? note(key, outcome) : outcome;
    },
    async stat(key) {
      const found = await store.stat(key);
      return found && timed(found);
    },
    async *list(prefix) {
      for await (const object of store.list(prefix)) yield timed(object);
    },
  };
}

const variable = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set; point it at running engines, or run \`npm test\``);
};

export interface CollectionWorld {
  catalog: Catalog;
  store: ObjectStore;
  /** Milliseconds since 1970, as the bucket has it. */
  clock: { now: number };
  /** A file of these bytes on local disk. */
  file(text: string): Promise<string>;
  rows<T>(sql: string, values?: unknown[]): Promise<T[]>;
  /** Registers a dataset with one connector. */
  register(name: string, spec?: { kind?: string; mode?: 'full' | 'append'; keep?: number }): Promise<void>;
  /** `between` is called before each call of the collector to the store. */
  collect(options?: {
    dryRun?: boolean;
    between?: () => Promise<void>;
    retention?: Record<string, string>;
    heads?: AuditHead[];
    /** In place of what the catalog answers. */
    collection?: CollectionRepository;
  }): Promise<Tally>;
  keys(): Promise<string[]>;
  tamper: TestDatabase['tamper'];
  /** Forgets everything: another history begins. */
  clear(): Promise<void>;
  end(): Promise<void>;
}

/** A catalog and a bucket of a test file's own, with a clock that the test sets. */
export async function createCollectionWorld(): Promise<CollectionWorld> {
  const database = await createTestDatabase();
  const catalog = createCatalog({ databaseUrl: database.url, poolSize: 6 });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const folder = await mkdtemp(join(tmpdir(), 'songhua-collection-'));
  const clock = { now: Date.now() };
  const store = withClock(
    createMinioStore({
      endpoint: variable('SONGHUA_TEST_S3_ENDPOINT'),
      accessKey: variable('SONGHUA_TEST_S3_ACCESS_KEY'),
      secretKey: variable('SONGHUA_TEST_S3_SECRET_KEY'),
      bucket: `songhua-test-${randomBytes(6).toString('hex')}`,
    }),
    () => clock.now,
  );
  await store.ensureBucket();
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of store.list('')) found.push(key);
    return found;
  };
  let files = 0;

  return {
    catalog,
    store,
    clock,
    keys,
    tamper: database.tamper,
    async file(text) {
      const path = join(folder, String(++files));
      await writeFile(path, text);
      return path;
    },
    async rows<T>(sql: string, values: unknown[] = []) {
      return (await client.query(sql, values)).rows as T[];
    },
    async register(name, { kind = 'file', mode = 'full', keep } = {}) {
      const resources = [
        { kind: 'Department', metadata: { name: 'education' }, spec: { title: '教育局' } },
        { kind: 'Domain', metadata: { name: 'society' }, spec: { title: '社会' } },
        {
          kind: 'Dataset',
          metadata: { name },
          spec: {
            title: '成绩',
            department: 'education',
            domain: 'society',
            frequency: 'DAILY',
            primaryKey: [],
            schemaPolicy: 'hold',
            guards: { maxShrink: 0.5, maxRejected: 1 },
            ...(keep !== undefined && { versions: { keep, atLeastDays: 0 } }),
          },
        },
      ].map((one) => ({ apiVersion, ...one })) as Exclude<Resource, { kind: 'Connector' }>[];
      await catalog.estate.apply(resources, 'test');
      const spec = { dataset: name, kind, mode, config: kind === 'file' ? { path: 'a.csv' } : {}, secrets: {} };
      await catalog.connectors.apply([{ apiVersion, kind: 'Connector', metadata: { name }, spec }], {
        name: 'test',
        mayApprove: true,
      });
    },
    async collect({ dryRun = false, between = async () => undefined, retention = {}, heads = [], collection } = {}) {
      const tally = createTally();
      const watched: Pick<ObjectStore, 'list' | 'delete' | 'readAll' | 'stat'> = {
        list: (prefix) => store.list(prefix),
        async readAll(key, most) {
          await between();
          return store.readAll(key, most);
        },
        async stat(key) {
          await between();
          return store.stat(key);
        },
        async delete(gone) {
          if (gone.length > 0) await between();
          await store.delete(gone);
        },
      };
      const deps = {
        collection: collection ?? catalog.collection,
        audit: catalog.audit,
        store: watched,
        heads: async () => heads,
        retention: retentionSchema.parse(retention) as Retention,
        now: () => new Date(clock.now),
      };
      await collect(deps, { dryRun, by: 'test', tally, told: async () => undefined });
      return tally;
    },
    async clear() {
      await database.tamper(
        'version',
        'TRUNCATE department, domain, dataset, connector, outbox, audit, revision, log_cut, collection, notice CASCADE',
      );
      await client.query(`UPDATE relay SET position = 0`);
      await store.delete(await keys());
      clock.now = Date.now();
    },
    async end() {
      await client.end();
      await catalog.close();
      await store.delete(await keys());
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const hours = (count: number): number => count * HOUR_MS;
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
