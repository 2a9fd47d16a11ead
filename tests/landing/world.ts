import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { LandedFacts } from '@songhua/catalog';
import { DETAIL_BATCH, type Envelope, RECORD_BATCH, SYNC_COMPLETED, type SyncCompleted } from '@songhua/contracts';
import {
  createKafkaMessaging,
  encodeEnvelope,
  type IncomingMessage,
  type Messaging,
  type OutgoingMessage,
  type Producer,
} from '@songhua/messaging';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import type { LandingDeps } from '@songhua/service-landing';

const need = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set; point it at running engines, or run \`npm test\``);
};

/** A topic, a bucket and a folder of one test file's own. */
export interface LandingWorld {
  messaging: Messaging;
  brokers: string[];
  topic: string;
  producer: Producer;
  store: ObjectStore;
  storeOptions: { endpoint: string; accessKey: string; secretKey: string; bucket: string };
  folder: string;
  close(): Promise<void>;
}

export async function createLandingWorld(partitions: number): Promise<LandingWorld> {
  const own = randomBytes(6).toString('hex');
  const brokers = need('SONGHUA_TEST_KAFKA_BROKERS').split(',');
  const topic = `landing-${own}`;
  const messaging = createKafkaMessaging({ brokers, clientId: 'songhua-landing-test' });
  await messaging.ensureTopics([
    { name: topic, partitions },
    { name: `${topic}.dead`, partitions: 1 },
  ]);
  const storeOptions = {
    endpoint: need('SONGHUA_TEST_S3_ENDPOINT'),
    accessKey: need('SONGHUA_TEST_S3_ACCESS_KEY'),
    secretKey: need('SONGHUA_TEST_S3_SECRET_KEY'),
    bucket: `landing-${own}`,
  };
  const store = createMinioStore(storeOptions);
  await store.ensureBucket();
  const producer = await messaging.producer();
  const folder = await mkdtemp(join(tmpdir(), 'songhua-landing-'));
  return {
    messaging,
    brokers,
    topic,
    producer,
    store,
    storeOptions,
    folder,
    async close() {
      await producer.close();
      const objects: string[] = [];
      for await (const { key } of store.list('')) objects.push(key);
      await store.delete(objects);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface SyncPlan {
  sync: string;
  connector: string;
  attempt?: number;
  /** Texts of its record batches, a row a line. */
  batches: string[];
  /** Its columns' name, so that it can be told from others. */
  column?: string;
  /** Tells two claims of one slot apart. */
  traceparent?: string;
}

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const rowsIn = (text: string): number => text.split('\n').length - 1;

/** The messages of one attempt as the connector service sends them: record batches, details, the closing event. */
export function messagesOf(plan: SyncPlan): OutgoingMessage[] {
  const { sync, connector, attempt = 1, batches, column = 'a', traceparent = TRACEPARENT } = plan;
  const message = (
    schema: Envelope['schema'],
    sequence: number,
    sent: { value: Buffer; rows: number },
  ): OutgoingMessage => ({
    key: connector,
    value: sent.value,
    headers: encodeEnvelope({
      schema,
      dataset: connector,
      connector,
      sync,
      attempt,
      sequence,
      rows: sent.rows,
      sha256: createHash('sha256').update(sent.value).digest('hex'),
      traceparent,
    }),
  });
  const rows = batches.reduce((sum, text) => sum + rowsIn(text), 0);
  const details = [
    { type: 'columns', columns: [{ name: column, source: column }] },
    { type: 'cursor', text: JSON.stringify({ sync, attempt }) },
  ];
  const now = new Date().toISOString();
  const completed: SyncCompleted = {
    mode: 'full',
    scope: 'all',
    operations: false,
    reset: false,
    number: 1,
    batches: batches.length + 1,
    details: 1,
    rows,
    rejected: 0,
    bytes: Buffer.byteLength(batches.join('')),
    sha256: createHash('sha256').update(batches.join('')).digest('hex'),
    startedAt: now,
    completedAt: now,
  };
  return [
    ...batches.map((text, at) => message(RECORD_BATCH, at, { value: gzipSync(text), rows: rowsIn(text) })),
    message(DETAIL_BATCH, batches.length, {
      value: gzipSync(details.map((one) => `${JSON.stringify(one)}\n`).join('')),
      rows: details.length,
    }),
    message(SYNC_COMPLETED, batches.length + 1, { value: Buffer.from(JSON.stringify(completed)), rows: 0 }),
  ];
}

/** A message as a partition delivers it. */
export const incoming = (message: OutgoingMessage, offset: number): IncomingMessage => ({
  ...message,
  topic: 'records',
  partition: 0,
  offset: String(offset),
});

/** What the catalog was told of a sync. */
export type Told = LandedFacts & { sync: string };

/** The catalog as landing sees it: notes what it is told. */
export const noting = (told: Told[]): LandingDeps['syncs'] => ({
  async land(sync, facts) {
    told.push(structuredClone({ sync, ...facts }));
    return { state: 'problem' in facts ? 'queued' : 'landed', dispatch: !('problem' in facts) };
  },
  landingTrouble: async () => undefined,
});

export const manifestOf = (told: Told | undefined): string => (told && 'manifest' in told ? told.manifest : '');

/** The landing of a sync as the catalog names it, from what it was told. */
export const namedOf = (told: Told | undefined) =>
  told && 'manifest' in told
    ? { landing: told.manifest, landed: { traceparent: told.traceparent ?? '', content: told.content } }
    : { landing: '', landed: null };

/** What was told of a sync, as one word. */
export const verdictOf = (told: Told): string => ('problem' in told ? told.problem.code : 'whole');

const LONGEST_WAIT_MS = 90_000;

/** Resolves once `done` holds; throws with what `missing` tells when that takes longer than anything here should. */
export async function until(done: () => boolean, missing: () => unknown = () => done.toString()): Promise<void> {
  const end = Date.now() + LONGEST_WAIT_MS;
  while (!done()) {
    if (Date.now() > end) throw new Error(`not within ${LONGEST_WAIT_MS} ms: ${JSON.stringify(missing())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
