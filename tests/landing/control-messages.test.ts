import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  DETAIL_LIMITS,
  type LaneReference,
  type LineRun,
  MAX_BATCH_BYTES,
  MAX_CLOSING_BYTES,
  RECORD_BATCH,
  type RejectedRow,
  rejectedRowSchema,
  SYNC_COMPLETED,
  type SyncDetails,
} from '@songhua/contracts';
import { decodeEnvelope, type OutgoingMessage } from '@songhua/messaging';
import type { Logger } from '@songhua/runtime';
import { type Closing, createSender } from '@songhua/service-connector';
import { landPartition } from '@songhua/service-landing';
import { fetchLanding, type LocalLanding } from '@songhua/service-refresh';
import fc from 'fast-check';
import { createLandingWorld, incoming, type LandingWorld, namedOf, noting, type Told, until } from './world.js';

let world: LandingWorld;
beforeAll(async () => {
  world = await createLandingWorld(1);
});
afterAll(() => world?.close());

const silent = { child: () => silent, info: () => undefined, warn: () => undefined } as unknown as Logger;
const MAX_CONTROL_BYTES = 64 * 1024;
const CSV = Buffer.from('1\n2\n');

interface Given {
  details: SyncDetails;
  runs: LineRun[];
  rejected: RejectedRow[];
}

const closingOf = (details: SyncDetails): Closing => ({
  details,
  event: (totals) => ({
    ...totals,
    mode: 'full',
    scope: 'all',
    operations: true,
    reset: false,
    number: Number.MAX_SAFE_INTEGER,
    startedAt: new Date(0).toISOString(),
    completedAt: new Date(0).toISOString(),
  }),
});

/** Sends a sync through the real sender into the real landing, and fetches what a refresh is given. */
async function passThrough({ details, runs, rejected }: Given, use: (landing: LocalLanding) => Promise<void>) {
  const sent: OutgoingMessage[] = [];
  const sender = createSender(
    {
      topic: 'records',
      producer: { send: async (_, messages) => void sent.push(...messages), close: async () => undefined },
    },
    {
      dataset: 'd'.repeat(100),
      connector: 'c'.repeat(100),
      sync: `sy_${randomBytes(12).toString('hex')}`,
      attempt: 1,
      traceparent: 't'.repeat(55),
    },
    2 * 1024 * 1024,
  );
  await sender.rows(CSV, 2);
  for (let at = 0; at < runs.length; at += 997) await sender.lines(runs.slice(at, at + 997));
  await sender.rejected(rejected);
  await sender.complete(closingOf(details), () => undefined);
  const told: Told[] = [];
  const references: LaneReference[] = [];
  const handler = landPartition({
    store: world.store,
    syncs: noting(told),
    tellLane: async (reference) => void references.push(reference),
    landed: () => undefined,
    logger: silent,
  });
  for (const [offset, message] of sent.entries()) await handler.handle(incoming(message, offset));
  const folder = join(world.folder, randomBytes(6).toString('hex'));
  await mkdir(folder);
  try {
    await use(await fetchLanding(world.store, namedOf(told[0]), folder));
  } finally {
    await rm(folder, { recursive: true });
  }
  return { sent, references };
}

const bytesOf = ({ key, value, headers }: OutgoingMessage): number =>
  key.length + value.length + JSON.stringify(headers).length;

async function runsOf(landing: LocalLanding): Promise<LineRun[]> {
  const runs: LineRun[] = [];
  for await (const piece of landing.lines()) runs.push(...piece);
  return runs;
}

// One letter, so that a length is a length; of three bytes, six when escaped, half a pair, and what JSON escapes.
const letter = fc.constantFrom('a', '松', '\u0001', '"', '\ud83d', '😀');
const text = (most: number) => fc.tuple(letter, fc.nat({ max: most })).map(([one, n]) => one.repeat(n).slice(0, most));
const count = (most: number) => fc.oneof(fc.constantFrom(0, 1, most), fc.nat({ max: most }));

const given: fc.Arbitrary<Given> = fc
  .record({
    columns: count(3_000),
    files: count(4_000),
    warnings: count(1_500),
    runs: count(60_000),
    rejected: count(900),
    name: text(600),
    header: text(100),
    warning: text(3_000),
    raw: text(3_000),
    cursor: fc.tuple(text(4), count(2_000_000)),
    steps: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 7 }),
  })
  .map((size) => {
    const list = <T>(n: number, item: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => item(i));
    let [row, line] = [0, 1];
    const sha256 = 'f'.repeat(64);
    const warnings = list(size.warnings, (i) => ({ code: 'w', message: `${i} ${size.warning}` }));
    return {
      details: {
        columns: list(size.columns, (i) => ({ name: `${size.header}${i}`, source: size.header })),
        files: list(size.files, (i) => ({ name: `${size.name}${i}`, bytes: i, sha256 })),
        cursor: { version: 1, text: size.cursor[0].repeat(Math.ceil(size.cursor[1] / 4)), seen: list(100, (i) => i) },
        ...(warnings.length > 0 && { warnings }),
      },
      runs: list(size.runs, (i) => {
        const step = size.steps[i % size.steps.length] ?? 1;
        const run = { row, line, file: Math.floor(i / 5_000), ...(step !== 1 && { step }) };
        row += 1 + (i % 4);
        line += 1 + step * 3;
        return run;
      }),
      rejected: list(size.rejected, (i) => ({
        file: 0,
        line: i + 1,
        code: 'row.fields',
        message: size.warning,
        raw: size.raw,
      })),
    };
  });

const cut = (value: string): string => value.slice(0, 2_000);
/** Text as UTF-8 has it. */
const wellFormed = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

test('whatever a sync is made of, no message grows with it, and a refresh is given what the connector gave', async () => {
  let largest = 0;
  await fc.assert(
    fc.asyncProperty(given, async (one) => {
      const { sent, references } = await passThrough(one, async (landing) => {
        const { warnings = [], ...rest } = one.details;
        const { warnings: kept = [], ...found } = landing.details;
        expect(found).toEqual(wellFormed(rest));
        expect(kept.slice(0, DETAIL_LIMITS.warnings)).toEqual(
          warnings.slice(0, DETAIL_LIMITS.warnings).map(({ code, message }) => ({ code, message: cut(message) })),
        );
        expect(kept.length).toBe(Math.min(warnings.length, DETAIL_LIMITS.warnings + 1));
        expect(await runsOf(landing)).toEqual(one.runs);
        const lines: RejectedRow[] = [];
        for (const path of landing.rejected)
          for (const line of gunzipSync(await readFile(path))
            .toString()
            .split('\n')
            .filter(Boolean))
            lines.push(rejectedRowSchema.parse(JSON.parse(line)));
        expect(lines).toEqual(one.rejected.map((row) => ({ ...row, message: cut(row.message), raw: cut(row.raw) })));
      });
      for (const message of sent) {
        const { schema } = decodeEnvelope(message.headers);
        if (schema === SYNC_COMPLETED) {
          largest = Math.max(largest, message.value.length);
          expect(message.value.length).toBeLessThanOrEqual(MAX_CLOSING_BYTES);
          expect(bytesOf(message)).toBeLessThan(MAX_CONTROL_BYTES);
        } else expect(gunzipSync(message.value).length).toBeLessThanOrEqual(MAX_BATCH_BYTES);
      }
      expect(references).toHaveLength(1);
      expect(JSON.stringify(references[0]).length).toBeLessThan(MAX_CONTROL_BYTES);
    }),
    { numRuns: 15 },
  );
  expect(largest).toBeGreaterThan(0);
}, 240_000);

test.each<[string, Partial<SyncDetails>]>([
  ['files', { files: Array.from({ length: DETAIL_LIMITS.files + 1 }, () => ({ name: 'a', bytes: 1, sha256: '' })) }],
  [
    'bytes of file names',
    { files: Array.from({ length: 5_000 }, () => ({ name: 'a'.repeat(4_000), bytes: 1, sha256: '' })) },
  ],
  ['bytes of a cursor', { cursor: { seen: 'a'.repeat(DETAIL_LIMITS.cursorBytes) } }],
  [
    'bytes of headers',
    { columns: Array.from({ length: 5_000 }, () => ({ name: 'a'.repeat(500), source: 'a'.repeat(500) })) },
  ],
  ['bytes of one header', { columns: [{ name: 'a'.repeat(MAX_BATCH_BYTES), source: '' }] }],
])(
  'a source with more %s than a sync can carry is refused before its closing event, and its department is told',
  async (_, more) => {
    const details: SyncDetails = { columns: [], files: [], cursor: {}, ...more };
    const sent: OutgoingMessage[] = [];
    const producer = {
      send: async (_topic: string, messages: OutgoingMessage[]) => void sent.push(...messages),
      close: async () => undefined,
    };
    const base = { dataset: 'd', connector: 'c', sync: 's', attempt: 1, traceparent: 't' };
    const sender = createSender({ producer, topic: 'records' }, base, 1 << 21);
    await expect(sender.complete(closingOf(details), () => undefined)).rejects.toMatchObject({
      code: 'source.too-many',
      actor: 'department',
      retryable: false,
    });
    await sender.settled();
    expect(sent.map(({ headers }) => decodeEnvelope(headers).schema)).not.toContain(SYNC_COMPLETED);
  },
);

test('rows that a remapping made longer than a batch are cut between rows, and one that no batch can hold is refused', async () => {
  const sent: OutgoingMessage[] = [];
  const producer = {
    send: async (_: string, messages: OutgoingMessage[]) => void sent.push(...messages),
    close: async () => undefined,
  };
  const base = { dataset: 'd', connector: 'c', sync: 's', attempt: 1, traceparent: 't' };
  const sender = createSender({ producer, topic: 'records' }, base, 1 << 21);
  const row = `${'a'.repeat(1_000)}\n`;
  await sender.rows(Buffer.from(row.repeat(2_000)), 2_000);
  await expect(sender.rows(Buffer.from(`${'a'.repeat(MAX_BATCH_BYTES)}\n`), 1)).rejects.toMatchObject({
    code: 'limit.row-bytes',
    actor: 'department',
  });
  await sender.settled();
  await until(() => sent.length >= 3);
  const batches = sent.filter(({ headers }) => decodeEnvelope(headers).schema === RECORD_BATCH);
  for (const { value } of batches) expect(gunzipSync(value).length).toBeLessThanOrEqual(MAX_BATCH_BYTES);
});
