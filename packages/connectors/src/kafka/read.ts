import { createHash } from 'node:crypto';
import { type ReadContext, type SourceMessage, sourceError, throwIfAborted } from '@songhua/connector-sdk';
import { OPERATIONS } from '@songhua/contracts';
import type { KafkaMessage } from 'kafkajs';
import type { Consumed, Range, Topic } from './client.js';
import type { KafkaConfig } from './config.js';
import { gap, type KafkaCursor, kafkaReadingOf, nothingSince, parseCursor, rangesAfter } from './cursor.js';
import { decodeDebezium } from './debezium.js';
import type { Decode } from './decode.js';
import { columnsOf, type Emitted, emitRows } from './emit.js';
import { decodeJson } from './json.js';
import { createRounds, type Place, type Rounds } from './rounds.js';
import { createSpool, type Incoming, type Spool } from './spool.js';

type Context = ReadContext<KafkaConfig>;

// What a rejected row keeps of itself.
const RAW_CHARS = 2000;
const LONGEST_UTF8 = 4;

/** Reads a topic from the cursor to its end of this moment. */
export async function* readTopic(context: Context, topic: Topic): AsyncGenerator<SourceMessage> {
  const { config, mode, range } = context;
  throwIfAborted(context.signal);
  if (range)
    throw sourceError('connector.config-invalid', 'kind kafka reads no ranges; use "songhua sync --full" instead');
  hasOperations(context);
  const remembered = parseCursor(context.cursor, kafkaReadingOf(config));
  const watermarks = await topic.watermarks();
  if (remembered && nothingSince(remembered, watermarks)) return yield { type: 'unchanged' };
  const after = mode === 'full' ? undefined : remembered;
  const ranges = rangesAfter(after, watermarks, config.topic);
  const spool = createSpool(context.tempDir, context.limits.maxBytes, after?.columns ?? context.primaryKey);
  try {
    yield* readRanges({ context, topic, spool, ranges, after });
  } finally {
    await spool.close();
  }
}

interface Reading {
  context: Context;
  topic: Topic;
  spool: Spool;
  ranges: Range[];
  after: KafkaCursor | undefined;
}

async function* readRanges(reading: Reading): AsyncGenerator<SourceMessage> {
  const { context, spool, ranges, after } = reading;
  const { config, signal } = context;
  const operations = hasOperations(context);
  const rounds = createRounds(roundsBefore(after));
  const filled = await fill(reading, rounds);
  const verdict = rounds.verdict(Date.now(), config.snapshotQuietSeconds * 1000);
  const bound = filled.bounded && config.format === 'debezium' ? boundOf(filled, ranges) : undefined;
  const end = bound ?? verdict.end;
  const rows = emitRows({
    spool,
    partitions: ranges.map(({ partition }) => partition),
    topic: config.topic,
    operations,
    cut: verdict.cut,
    end,
    hasBefore: after !== undefined,
    signal,
  });
  let next = await rows.next();
  if (next.done && (verdict.end || !after)) return yield { type: 'unchanged' };
  yield {
    type: 'start',
    columns: columnsOf(spool),
    scope: after ? 'part' : 'all',
    ...(operations ? { operations: true } : {}),
  };
  while (!next.done) {
    yield next.value;
    next = await rows.next();
  }
  throwIfAborted(signal);
  yield {
    type: 'end',
    files: ranges.map((range) => fileOf(config.topic, range, filled, spool)),
    cursor: cursorAfter(reading, filled, next.value, end ? after?.open : verdict.open),
  };
}

/** Throws `connector.config-invalid` where the format cannot be read in the mode. */
function hasOperations({ config, mode, primaryKey }: Context): boolean {
  const keyed = mode === 'merge' || mode === 'cdc' || (mode === 'full' && primaryKey.length > 0);
  if (config.format === 'debezium' && !keyed)
    throw sourceError(
      'connector.config-invalid',
      `format debezium puts and deletes rows, which mode ${mode} ${mode === 'full' ? 'without primary key ' : ''}cannot; use mode cdc and give the dataset a primaryKey`,
    );
  if (config.softDelete && !keyed)
    throw sourceError(
      'connector.config-invalid',
      `softDelete takes rows away by their key, which mode ${mode} ${mode === 'full' ? 'without primary key ' : ''}cannot; use mode merge and give the dataset a primaryKey`,
    );
  return keyed;
}

const decoderFor = (context: Context): Decode =>
  context.config.format === 'debezium'
    ? decodeDebezium()
    : decodeJson({
        operations: hasOperations(context),
        primaryKey: context.primaryKey,
        softDelete: context.config.softDelete,
      });

const roundsBefore = (after: KafkaCursor | undefined) => ({
  inSnapshot: new Set(
    Object.entries(after?.partitions ?? {}).flatMap(([partition, { snapshot }]) =>
      snapshot ? [Number(partition)] : [],
    ),
  ),
  open: after?.open ?? false,
});

interface Filled extends Consumed {
  /** Stopped for the number of messages. */
  bounded: boolean;
  /** By partition: when its last message was. */
  lastAt: Map<number, number>;
}

async function fill({ context, topic, spool, ranges, after }: Reading, rounds: Rounds): Promise<Filled> {
  const { config } = context;
  const decode = decoderFor(context);
  const lastAt = new Map<number, number>();
  const waiting = new Set(ranges.flatMap(({ partition, from, to }) => (from < to ? [partition] : [])));
  let count = 0;
  let bounded = false;
  const consumed = await topic.consume(ranges, async (partition, messages) => {
    const kept = messages.flatMap((message) => {
      const incoming = incomingOf(message, decode, lastAt.get(partition) ?? 0);
      if (!incoming) return [];
      lastAt.set(partition, incoming.at);
      note(rounds, partition, incoming);
      return [incoming];
    });
    await spool.put(partition, kept);
    count += messages.length;
    // Half of a table must not be published, nor what lies behind a cut without all that lies before it.
    waiting.delete(partition);
    // Every partition must come on, the one furthest behind above all: a bounded read ends with it.
    bounded = after !== undefined && count >= config.maxRecords && waiting.size === 0 && rounds.onlyStream();
    return !bounded;
  });
  if (consumed.holes.size > 0) await checkHoles(topic, consumed.holes, config.topic);
  const rest = ranges.some(
    ({ partition, to }) => !consumed.exhausted.has(partition) && (consumed.next.get(partition) ?? to) < to,
  );
  return { ...consumed, bounded: bounded && rest, lastAt };
}

/** `before`: the time of the message before, which one that cannot be read shares. */
function incomingOf(message: KafkaMessage, decode: Decode, before: number): Incoming | undefined {
  const decoded = decode(message);
  if (decoded.type === 'nothing') return undefined;
  const { offset, timestamp, value, key } = message;
  if (decoded.type === 'row') return { offset, at: decoded.at ?? Number(timestamp), decoded, raw: '' };
  const raw = (value ?? key)?.toString('utf8', 0, RAW_CHARS * LONGEST_UTF8) ?? '';
  return { offset, at: before, decoded, raw: raw.slice(0, RAW_CHARS) };
}

function note(rounds: Rounds, partition: number, { offset, at, decoded }: Incoming): void {
  if (decoded.type !== 'row') return;
  const kind = decoded.op === OPERATIONS.truncate ? 'truncate' : decoded.snapshot ? 'snapshot' : 'stream';
  rounds.note({ partition, offset: BigInt(offset), at, kind, marker: decoded.marker });
}

/** Compaction leaves holes, and so does retention that overtakes the reader: then the partition begins behind them. */
async function checkHoles(topic: Topic, holes: Map<number, bigint>, name: string): Promise<void> {
  for (const { partition, low } of await topic.watermarks()) {
    const hole = holes.get(partition);
    if (hole !== undefined && low > hole)
      throw gap(`partition ${partition} of topic ${name} began at offset ${low} before ${hole} was read`);
  }
}

/**
 * Where a bounded read ends: behind all that was read of the partition that is the furthest behind in time, so that a cut which a later
 * read finds cannot lie before anything that was delivered.
 */
function boundOf({ next, exhausted, lastAt }: Filled, ranges: Range[]): Place | undefined {
  const behind = ranges
    .filter(({ partition, from, to }) => from < to && !exhausted.has(partition))
    .map(({ partition, from }) => ({
      partition,
      at: lastAt.get(partition) ?? Number.NEGATIVE_INFINITY,
      offset: next.get(partition) ?? from,
    }));
  return behind.reduce<Place | undefined>((a, b) => (a === undefined || b.at < a.at ? b : a), undefined);
}

function cursorAfter(
  { context, ranges, after, spool }: Reading,
  filled: Filled,
  emitted: Emitted,
  open: boolean | undefined,
): KafkaCursor {
  const partitions = ranges.map(({ partition, from, to }) => {
    const stopped = emitted.stoppedAt.get(partition);
    const next = stopped ?? filled.next.get(partition) ?? from;
    const all = stopped === undefined && (filled.exhausted.has(partition) || from >= to);
    const snapshot = emitted.snapshot.get(partition) ?? after?.partitions[partition]?.snapshot ?? false;
    const place = { next: String(next), seen: String(all ? to : next), ...(snapshot ? { snapshot } : {}) };
    return [partition, place] as const;
  });
  return {
    version: 1,
    reading: kafkaReadingOf(context.config),
    partitions: Object.fromEntries(partitions),
    columns: spool.columns(),
    ...(open ? { open } : {}),
  };
}

function fileOf(topic: string, { partition, from }: Range, { next }: Filled, spool: Spool) {
  const name = `${topic}/${partition}`;
  const to = next.get(partition) ?? from;
  // A topic has no bytes of its own; the same offsets of it are the same messages.
  const sha256 = createHash('sha256').update(`${name} ${from}-${to}`).digest('hex');
  return { name, bytes: spool.bytes(partition), sha256 };
}
