import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Catalog, createCatalog } from '@songhua/catalog';
import { createTestDatabase } from '@songhua/catalog/testing';
import type { KeyRequest, LaneReference } from '@songhua/contracts';
import { newApiKey } from '@songhua/domain';
import type { Lanes } from '@songhua/lanes';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import { createLogger, createMetrics } from '@songhua/runtime';
import { configSchema, startCatalogService } from '../src/index.js';

type Routes = Awaited<ReturnType<typeof startCatalogService>>['routes'];

export interface Harness {
  url: string;
  /** Everything that the service serves. */
  routes: Routes;
  /** Headers of an operator. */
  operator: { authorization: string };
  /** Headers of a new key with these rights. */
  credentials(rights: Omit<KeyRequest, 'title'>): Promise<{ authorization: string }>;
  catalog: Catalog;
  store: ObjectStore;
  /** What the connector service was asked; `answer` is what it says. */
  connector: {
    asked: { path: string; body: unknown; headers?: IncomingHttpHeaders }[];
    answer: { status: number; body: unknown };
  };
  /** What the lanes were handed; no worker answers here, so a forecast is always of nothing. */
  dispatched: LaneReference[];
  tempDirectory: string;
  /** Another replica on the same database and bucket. */
  replica(): Promise<{ url: string; stop(): Promise<void> }>;
  /** Runs SQL on the audit log as somebody with the database's password, past the trigger that protects it. */
  tamper(sql: string): Promise<void>;
  stop(): Promise<void>;
}

export const INTERNAL_TOKEN = 'the-internal-token-of-the-tests-'.padEnd(43, 'x');

const variable = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set; point it at running engines, or run \`npm test\``);
};

/** A catalog service on real engines, with a database and bucket of its own, and a stand-in for the connector service behind it. */
export async function startHarness(env: Record<string, string> = {}): Promise<Harness> {
  const s3 = {
    SONGHUA_S3_ENDPOINT: variable('SONGHUA_TEST_S3_ENDPOINT'),
    SONGHUA_S3_ACCESS_KEY: variable('SONGHUA_TEST_S3_ACCESS_KEY'),
    SONGHUA_S3_SECRET_KEY: variable('SONGHUA_TEST_S3_SECRET_KEY'),
    SONGHUA_S3_BUCKET: `songhua-test-${randomBytes(6).toString('hex')}`,
  };
  const database = await createTestDatabase();
  const tempDirectory = await mkdtemp(join(tmpdir(), 'songhua-catalog-test-'));
  const store = createMinioStore({
    endpoint: s3.SONGHUA_S3_ENDPOINT,
    accessKey: s3.SONGHUA_S3_ACCESS_KEY,
    secretKey: s3.SONGHUA_S3_SECRET_KEY,
    bucket: s3.SONGHUA_S3_BUCKET,
  });
  await store.ensureBucket();
  const catalog = createCatalog({ databaseUrl: database.url, poolSize: 8 });
  const connector: Harness['connector'] = { asked: [], answer: { status: 200, body: {} } };
  const behind = await standIn(connector);
  const dispatched: LaneReference[] = [];
  const lanes: Lanes = {
    dispatch: async (reference) => void dispatched.push(reference),
    forecast: async () => ({
      asked: 0,
      passing: 0,
      failing: [],
      unreadable: [],
      changes: { added: 0, changed: 0, removed: 0 },
    }),
    ping: async () => undefined,
    close: async () => undefined,
  };

  const start = async (name: string): Promise<{ url: string; routes: Routes; stop(): Promise<void> }> => {
    const service = await startCatalogService(
      configSchema.parse({
        ...s3,
        SONGHUA_KAFKA_BROKERS: variable('SONGHUA_TEST_KAFKA_BROKERS'),
        SONGHUA_TEMPORAL_ADDRESS: 'unused',
        SONGHUA_INTERNAL_TOKEN: INTERNAL_TOKEN,
        SONGHUA_DATABASE_URL: (await database.as('catalog')).url,
        SONGHUA_TEMP_DIR: join(tempDirectory, name),
        SONGHUA_CONNECTOR_URL: `http://127.0.0.1:${(behind.address() as AddressInfo).port}`,
        SONGHUA_CATALOG_CACHE_MB: 64,
        SONGHUA_CATALOG_MEMORY_MB: 128,
        ...env,
      }),
      { logger: createLogger('catalog-test'), metrics: createMetrics('catalog-test') },
      () => lanes,
    );
    return { url: `http://127.0.0.1:${service.port}`, routes: service.routes, stop: service.stop };
  };
  const credentials: Harness['credentials'] = async (rights) => {
    const made = newApiKey();
    await catalog.access.createKey(made, { title: 'test', ...rights }, 'test');
    return { authorization: `Bearer ${made.key}` };
  };
  const service = await start('a');
  const others = new Set<{ stop(): Promise<void> }>();

  return {
    url: service.url,
    routes: service.routes,
    operator: await credentials({ role: 'operator' }),
    credentials,
    catalog,
    store,
    connector,
    dispatched,
    tempDirectory,
    async replica() {
      const other = await start(`replica-${others.size}`);
      others.add(other);
      return {
        url: other.url,
        async stop() {
          others.delete(other);
          await other.stop();
        },
      };
    },
    tamper: (sql) => database.tamper('audit', sql),
    async stop() {
      for (const running of [service, ...others]) await running.stop();
      behind.closeAllConnections();
      behind.close();
      await catalog.close();
      await database.drop();
      const objects: string[] = [];
      for await (const { key } of store.list('')) objects.push(key);
      await store.delete(objects);
      await rm(tempDirectory, { recursive: true, force: true });
    },
  };
}

async function standIn(state: Harness['connector']): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      state.asked.push({
        path: request.url ?? '',
        body: JSON.parse(Buffer.concat(chunks).toString() || 'null'),
        headers: request.headers,
      });
      const type = state.answer.status < 400 ? 'application/json' : 'application/problem+json';
      response.writeHead(state.answer.status, { 'content-type': type }).end(JSON.stringify(state.answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
