import { randomUUID } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates } from 'node:tls';
import { type ReadContext, sourceError, throwIfAborted } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { type EachBatchPayload, Kafka, type KafkaMessage, logLevel, type SASLOptions } from 'kafkajs';
import type { KafkaConfig } from './config.js';
import { kafkaSourceError, missingTopic } from './errors.js';
import { readCompressed } from './unpack/index.js';

/** What a partition holds: offsets from `low` up to, but without, `high`. */
export interface Watermarks {
  partition: number;
  low: bigint;
  high: bigint;
}

/** Offsets of one partition, `to` not included. */
export interface Range {
  partition: number;
  from: bigint;
  to: bigint;
}

export interface Consumed {
  /** By partition: the first offset that was not read. */
  next: Map<number, bigint>;
  /** By partition: where records that were still wanted had been when something newer came instead of them. */
  holes: Map<number, bigint>;
  /** Partitions that have nothing readable any more below their `to`. */
  exhausted: Set<number>;
}

/** One topic, for the time of one read. Errors are `source.…` and `connector.address-refused`. */
export interface Topic {
  /** Ascending by partition. */
  watermarks(): Promise<Watermarks[]>;
  /**
   * Reads `ranges`; each partition's messages come in order. `take` says whether more is wanted. Control records and holes that
   * compaction left are passed over.
   */
  consume(ranges: Range[], take: (partition: number, messages: KafkaMessage[]) => Promise<boolean>): Promise<Consumed>;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
// Short, because a read that fails is tried again as a whole.
const RETRY = { initialRetryTime: 200, maxRetryTime: 1_000, retries: 3 };
const MAX_WAIT_MS = 250;
const FETCH_BYTES = 8 * 1024 * 1024;
const FETCH_PARTITION_BYTES = 1024 * 1024;
// A partition whose last records are of an unfinished transaction, or were compacted away, ends with silence only.
const IDLE_MS = 4_000;
const IDLE_FETCHES = 4;

export function openTopic(context: ReadContext<KafkaConfig>): Topic {
  const { config, network, signal } = context;
  const { brokers, topic, tls, sasl } = config;
  const where = `topic ${topic} on ${brokers.join(', ')}`;
  // kafkajs keeps of it only the text.
  let refusal: unknown;
  const kafka = new Kafka({
    brokers,
    clientId: 'songhua',
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retry: RETRY,
    logLevel: logLevel.NOTHING,
    ssl: tls.mode === 'verify',
    ...(sasl ? { sasl: credentials(sasl.mechanism, context.secrets) } : {}),
    socketFactory: ({ host, port, onConnect }) => {
      try {
        network.check(host);
      } catch (error) {
        refusal = error;
        throw error;
      }
      const socket = dial({ host, port, onConnect }, context);
      socket.on('error', (error) => {
        if (/^connector\./.test(codeOf(error) ?? '')) refusal = error;
      });
      return socket;
    },
  });
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    throwIfAborted(signal);
    try {
      return await work();
    } catch (error) {
      throwIfAborted(signal);
      throw refusal ?? kafkaSourceError(error, where);
    }
  };
  const admin = kafka.admin();
  let connected = false;
  return {
    watermarks: () =>
      call(async () => {
        if (!connected) await admin.connect();
        connected = true;
        // Asked first, because kafkajs retries long for a topic that is not there.
        if (!(await admin.listTopics()).includes(topic)) throw missingTopic(where);
        const found = await admin.fetchTopicOffsets(topic);
        return found
          .map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }))
          .sort((a, b) => a.partition - b.partition);
      }),
    consume: (ranges, take) => call(() => consume(kafka, { topic, ranges, take, signal })),
    async close() {
      await admin.disconnect().catch(() => undefined);
    },
  };
}

type Dial = { host: string; port: number; onConnect: () => void };

function dial({ host, port, onConnect }: Dial, { config, network }: ReadContext<KafkaConfig>): Socket {
  const { tls } = config;
  const target = { host, port, lookup: network.lookup };
  const socket =
    tls.mode === 'off'
      ? connectTcp(target, onConnect)
      : connectTls(
          {
            ...target,
            ...(isIP(host) === 0 ? { servername: host } : {}),
            minVersion: 'TLSv1.2',
            rejectUnauthorized: true,
            ...(tls.ca === undefined ? {} : { ca: [...rootCertificates, tls.ca] }),
          },
          onConnect,
        );
  return socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

function credentials(mechanism: SASLOptions['mechanism'], secrets: Record<string, string>): SASLOptions {
  const { username, password } = secrets;
  if (username === undefined || password === undefined)
    throw sourceError(
      'connector.config-invalid',
      'sasl needs the secrets username and password; give both to the connector',
    );
  return { mechanism, username, password } as SASLOptions;
}

interface Consuming {
  topic: string;
  ranges: Range[];
  take: Parameters<Topic['consume']>[1];
  signal: AbortSignal;
}

async function consume(kafka: Kafka, { topic, ranges, take, signal }: Consuming): Promise<Consumed> {
  const to = new Map(ranges.map((range) => [range.partition, range.to]));
  const next = new Map(ranges.map((range) => [range.partition, range.from]));
  const holes = new Map<number, bigint>();
  const exhausted = new Set<number>();
  const open = new Set(ranges.filter(({ from, to: end }) => from < end).map(({ partition }) => partition));
  const result = { next, holes, exhausted };
  if (open.size === 0) return result;
  readCompressed();
  // Nothing is ever committed, so the brokers forget the group as soon as it is empty.
  const consumer = kafka.consumer({
    groupId: `songhua-${randomUUID()}`,
    minBytes: 1,
    maxBytes: FETCH_BYTES,
    maxBytesPerPartition: FETCH_PARTITION_BYTES,
    maxWaitTimeInMs: MAX_WAIT_MS,
    allowAutoTopicCreation: false,
    retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
  });
  let progressAt = Date.now();
  let fetches = 0;
  let idling: NodeJS.Timeout | undefined;
  let taking = false;
  // kafkajs hands over what it had fetched already; it is left for the next read.
  let stopped = false;
  const progress = (partition: number, offset: bigint): void => {
    const end = to.get(partition) ?? 0n;
    if (offset <= (next.get(partition) ?? end)) return;
    next.set(partition, offset < end ? offset : end);
    progressAt = Date.now();
    fetches = 0;
    if (offset < end || !open.delete(partition)) return;
    exhausted.add(partition);
    consumer.pause([{ topic, partitions: [partition] }]);
  };
  const eachBatch = async ({ batch }: EachBatchPayload, stop: () => void): Promise<void> => {
    const { partition } = batch;
    if (stopped || !open.has(partition)) return;
    const [from, end] = [next.get(partition) ?? 0n, to.get(partition) ?? 0n];
    const messages = batch.messages.filter(({ offset }) => BigInt(offset) >= from && BigInt(offset) < end);
    const first = BigInt(batch.firstOffset() ?? from);
    if (first > from) holes.set(partition, from);
    taking = true;
    const more = messages.length === 0 || (await take(partition, messages));
    taking = false;
    // Messages are all that a batch holds, so what lies between them is nothing.
    progress(partition, BigInt(batch.lastOffset()) + 1n);
    stopped = !more;
    if (!more || open.size === 0) stop();
  };
  const onAbort: { now?: () => void } = {};
  const abort = (): void => onAbort.now?.();
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      onAbort.now = resolve;
      signal.addEventListener('abort', abort, { once: true });
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      // Before the first fetch, and again after each rebalance.
      consumer.on(consumer.events.GROUP_JOIN, () => {
        for (const { partition } of ranges)
          if (open.has(partition)) consumer.seek({ topic, partition, offset: String(next.get(partition)) });
          else consumer.pause([{ topic, partitions: [partition] }]);
      });
      consumer.on(consumer.events.FETCH, () => void fetches++);
      // Also of batches that hold nothing but control records.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        if (!stopped && open.has(payload.partition)) progress(payload.partition, BigInt(payload.lastOffset) + 1n);
        if (open.size === 0) resolve();
      });
      idling = setInterval(() => {
        if (taking || Date.now() - progressAt < IDLE_MS || fetches < IDLE_FETCHES) return;
        for (const partition of open) exhausted.add(partition);
        resolve();
      }, MAX_WAIT_MS);
      consumer
        .run({
          autoCommit: false,
          eachBatch: (payload) =>
            eachBatch(payload, resolve).catch((error: unknown) => {
              // Not thrown into kafkajs, which would try it again.
              reject(error);
            }),
        })
        .catch(reject);
    });
    throwIfAborted(signal);
    return result;
  } finally {
    clearInterval(idling);
    signal.removeEventListener('abort', abort);
    await consumer.disconnect().catch(() => undefined);
  }
}
