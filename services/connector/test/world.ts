import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Catalog, createCatalog, type SyncWithRefresh } from '@songhua/catalog';
import { createConnectorCatalog } from '@songhua/catalog/connector';
import { createTestDatabase } from '@songhua/catalog/testing';
import {
  type ConnectorSpec,
  DETAIL_BATCH,
  detailSchema,
  type Envelope,
  encodePrincipal,
  type LineRun,
  PRINCIPAL_HEADER,
  RECORD_BATCH,
  SYNC_COMPLETED,
  type SyncAccepted,
  type SyncCompleted,
  type SyncDetails,
  syncCompletedSchema,
  unpackRuns,
} from '@songhua/contracts';
import { type Principal, SonghuaError } from '@songhua/domain';
import { type Consumer, createKafkaMessaging, type Producer, parseEnvelope } from '@songhua/messaging';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import { createLogger, createMetrics, newKey } from '@songhua/runtime';
import { type ServiceConfig, serviceConfig, startService } from '../src/index.js';

export interface Received {
  envelope: Envelope;
  value: Buffer;
}

export interface Replica {
  url: string;
  /** POSTs to (or with `method`, otherwise asks) the replica's HTTP interface. */
  call<T>(
    path: string,
    body?: unknown,
    method?: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T }>;
  syncNow(...connectors: string[]): Promise<string[]>;
  stop(): Promise<void>;
}

/** A catalog, a topic and a folder of a test's own, and replicas of the service on them. */
export interface World {
  catalog: Catalog;
  /** Its bucket is not there until a test makes it. */
  store: ObjectStore;
  root: string;
  received: Received[];
  replica(overrides?: Record<string, string>): Promise<Replica>;
  /** Applies datasets of that name and, through `replica`, their connectors. */
  register(replica: Replica, connectors: Record<string, Partial<ConnectorSpec>>): Promise<void>;
  ended(sync: string): Promise<SyncWithRefresh>;
  write(name: string, text: string): Promise<void>;
  /** What a connector is now, it has been since `at`. */
  since(connector: string, at: Date): Promise<void>;
  close(): Promise<void>;
}

const KEK = newKey('k1').trim();
export const TOKEN = 'the-internal-token-of-the-tests-'.padEnd(43, 'x');
/** For whom the tests call. */
export const OPERATOR: Principal = { id: 'key:test', role: 'operator', department: null, actions: null };

const need = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new SonghuaError('config.invalid', `${name} is not set; point it at a test engine, or run \`npm test\``, {
    actor: 'operator',
  });
};

export async function createWorld(): Promise<World> {
  const brokers = need('SONGHUA_TEST_KAFKA_BROKERS').split(',');
  const database = await createTestDatabase();
  const catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  const own = createConnectorCatalog({ databaseUrl: (await database.as('connector')).url, poolSize: 4 });
  const root = await mkdtemp(join(tmpdir(), 'songhua-world-'));
  const topic = `records-${process.pid}-${Date.now()}`;
  const messaging = createKafkaMessaging({ brokers, clientId: 'songhua-test' });
  await messaging.ensureTopics([
    { name: topic, partitions: 2 },
    { name: `${topic}.dead`, partitions: 1 },
  ]);
  const producer: Producer = await messaging.producer();
  const s3 = {
    SONGHUA_S3_ENDPOINT: need('SONGHUA_TEST_S3_ENDPOINT'),
    SONGHUA_S3_ACCESS_KEY: need('SONGHUA_TEST_S3_ACCESS_KEY'),
    SONGHUA_S3_SECRET_KEY: need('SONGHUA_TEST_S3_SECRET_KEY'),
    SONGHUA_S3_BUCKET: `world-${process.pid}-${Date.now()}`,
  };
  const store = createMinioStore({
    endpoint: s3.SONGHUA_S3_ENDPOINT,
    accessKey: s3.SONGHUA_S3_ACCESS_KEY,
    secretKey: s3.SONGHUA_S3_SECRET_KEY,
    bucket: s3.SONGHUA_S3_BUCKET,
  });
  await store.ensureBucket();
  const received: Received[] = [];
  const consumer: Consumer = await messaging.consume({
    group: topic,
    topic,
    deadLetterTopic: `${topic}.dead`,
    handlerFor: () => ({
      async handle(message) {
        received.push({ envelope: parseEnvelope(message), value: Buffer.from(message.value) });
      },
      resumeOffset: () => undefined,
    }),
  });
  await catalog.estate.apply(
    [
      { apiVersion: 'songhua/v1', kind: 'Department', metadata: { name: 'education' }, spec: { title: '教育局' } },
      { apiVersion: 'songhua/v1', kind: 'Domain', metadata: { name: 'science' }, spec: { title: '教育科技' } },
    ],
    'test',
  );
  const replicas = new Set<Replica>();

  return {
    catalog,
    store,
    root,
    received,
    async replica(overrides = {}) {
      const config: ServiceConfig = serviceConfig.parse({
        SONGHUA_KAFKA_BROKERS: brokers.join(','),
        SONGHUA_DATABASE_URL: database.url,
        ...s3,
        SONGHUA_TEMP_DIR: join(root, '.temp'),
        SONGHUA_FILE_ROOTS: root,
        SONGHUA_NETWORK_ALLOW: '127.0.0.1',
        SONGHUA_SCHEDULE_JITTER_SECONDS: '0',
        SONGHUA_SYNC_LEASE_SECONDS: '3',
        SONGHUA_INTERNAL_TOKEN: TOKEN,
        SONGHUA_KEK: KEK,
        ...overrides,
      });
      const context = { logger: createLogger('connector-test'), metrics: createMetrics('connector-test') };
      const service = await startService({
        catalog: own,
        messaging,
        producer,
        store,
        topic,
        stopGraceMs: 300,
        config,
        context,
      });
      const call: Replica['call'] = async <T>(
        path: string,
        body?: unknown,
        method?: string,
        headers: Record<string, string> = {},
      ) => {
        const response = await fetch(`${service.address}${path}`, {
          method: method ?? (body === undefined ? 'GET' : 'POST'),
          headers: {
            authorization: `Bearer ${TOKEN}`,
            [PRINCIPAL_HEADER]: encodePrincipal(OPERATOR),
            ...headers,
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        return { status: response.status, body: (await response.json()) as T };
      };
      const replica: Replica = {
        url: service.address,
        call,
        async syncNow(...connectors) {
          const { body } = await call<SyncAccepted>('/syncs', { connectors });
          return body.syncs.map((sync) => sync.sync);
        },
        async stop() {
          if (replicas.delete(replica)) await service.stop();
        },
      };
      replicas.add(replica);
      return replica;
    },
    async register(replica, connectors) {
      const names = Object.keys(connectors);
      await catalog.estate.apply(
        names.map((name) => ({
          apiVersion: 'songhua/v1',
          kind: 'Dataset',
          metadata: { name },
          spec: {
            title: name,
            department: 'education',
            domain: 'science',
            frequency: 'DAILY',
            primaryKey: [],
            schemaPolicy: 'hold',
            guards: { maxShrink: 0.5, maxRejected: 0.1 },
          },
        })),
        'test',
      );
      const { status, body } = await replica.call('/connectors:apply', {
        resources: names.map((name) => ({
          apiVersion: 'songhua/v1',
          kind: 'Connector',
          metadata: { name },
          spec: { dataset: name, kind: 'file', config: { path: `${name}.csv` }, ...connectors[name] },
        })),
      });
      if (status !== 200) throw new Error(JSON.stringify(body));
    },
    async ended(sync) {
      return waitFor(async () => {
        const found = await catalog.syncs.get(sync);
        return found?.readAt ? found : undefined;
      });
    },
    write: (name, text) => writeFile(join(root, name), text),
    since: (connector, at) =>
      database.tamper(
        'connector',
        `UPDATE connector SET changed_at = '${at.toISOString()}' WHERE name = '${connector}'`,
      ),
    async close() {
      for (const replica of [...replicas]) await replica.stop();
      await consumer.close();
      await producer.close();
      await catalog.close();
      await own.close();
      await database.drop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const WAIT_MS = 20_000;

/** Resolves with the first value of `probe` that is not undefined. */
export async function waitFor<T>(probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`nothing within ${WAIT_MS} ms: ${probe.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Everything received of one attempt that was completed, in order of arrival. */
export async function completedOf(
  world: World,
  sync: string,
): Promise<{ messages: Received[]; text: string; completed: SyncCompleted; details: SyncDetails; lines: LineRun[] }> {
  const last = await waitFor(() =>
    world.received.find(({ envelope }) => envelope.sync === sync && envelope.schema === SYNC_COMPLETED),
  );
  const messages = world.received.filter(
    ({ envelope }) => envelope.sync === sync && envelope.attempt === last.envelope.attempt,
  );
  const textOf = (schema: Envelope['schema']): string => {
    const members = messages.filter(({ envelope }) => envelope.schema === schema).map(({ value }) => value);
    return members.length === 0 ? '' : gunzipSync(Buffer.concat(members)).toString();
  };
  return {
    messages,
    text: textOf(RECORD_BATCH),
    ...parseDetails(textOf(DETAIL_BATCH)),
    completed: syncCompletedSchema.parse(JSON.parse(last.value.toString())),
  };
}

function parseDetails(text: string): { details: SyncDetails; lines: LineRun[] } {
  const details: SyncDetails = { columns: [], files: [], cursor: {} };
  const lines: LineRun[] = [];
  let cursor = '';
  for (const line of text.split('\n').filter(Boolean)) {
    const detail = detailSchema.parse(JSON.parse(line));
    if (detail.type === 'columns') details.columns.push(...detail.columns);
    else if (detail.type === 'files') details.files.push(...detail.files);
    else if (detail.type === 'warnings') details.warnings = [...(details.warnings ?? []), ...detail.warnings];
    else if (detail.type === 'cursor') cursor += detail.text;
    else lines.push(...unpackRuns(detail));
  }
  return { details: { ...details, cursor: JSON.parse(cursor) }, lines };
}
