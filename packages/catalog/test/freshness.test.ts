import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type Clocks,
  FREQUENCIES,
  type Frequency,
  freshness,
  inSync,
  type LastLook,
  type SyncState,
  thresholdsOf,
} from '@songhua/domain';
import fc from 'fast-check';
import pg from 'pg';
import type { Catalog, ConnectorRecord, SyncRecord } from '../src/index.js';
import { createWorld, deliver, enqueue, landed, OPERATOR, publish, result, TRACEPARENT } from './estate.js';

const world = createWorld(4);
let catalog: Catalog;
let connector: ConnectorRecord;
let client: pg.Client;

beforeEach(async () => {
  const made = await world.fresh();
  ({ catalog, connector } = made);
  client = new pg.Client({ connectionString: made.databaseUrl });
  await client.connect();
});
afterEach(() => client.end());
afterAll(() => world.end());

const NOW = new Date('2026-11-23T03:00:00Z');
const HOUR = 3600;
const DAY = 24 * HOUR;
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);
const names = Object.keys(FREQUENCIES) as Frequency[];
const clock = fc.option(fc.integer({ min: -DAY, max: 5 * 366 * DAY }).map(ago));
const anyCase = fc.record({
  frequency: fc.constantFrom(...names),
  confirmationCounts: fc.boolean(),
  retired: fc.boolean(),
  last: fc.option(fc.constantFrom<LastLook>('same', 'differs', 'failed')),
  wait: fc.option(fc.constantFrom(HOUR, DAY, 7 * DAY, 62 * DAY, 366 * DAY)),
  checkedAt: clock,
  sourceChangedAt: clock,
  dataChangedAt: clock,
});
type Case = typeof anyCase extends fc.Arbitrary<infer T> ? T : never;

/** The edges themselves, and a second to each side. */
const edges = (): Case[] =>
  names.flatMap((frequency) =>
    Object.values(thresholdsOf(frequency) ?? { unsaid: 30 * DAY }).flatMap((age: number) =>
      [-1, 0, 1].map((seconds) => ({
        ...{ frequency, confirmationCounts: false, retired: false, last: null, wait: null, sourceChangedAt: null },
        checkedAt: ago(age + seconds),
        dataChangedAt: ago(age + seconds),
      })),
    ),
  );

describe('the rules in the database are those of the domain', () => {
  test('thresholds, for every frequency', async () => {
    const { rows } = await client.query<Record<string, string | null>>(
      'SELECT name AS frequency, due, overdue, delinquent FROM unnest($1::text[]) name LEFT JOIN promise ON frequency = name',
      [names],
    );
    const found = rows.map(({ frequency, due, overdue, delinquent }) => [
      frequency,
      due && { due: Number(due), overdue: Number(overdue), delinquent: Number(delinquent) },
    ]);
    expect(found).toEqual(names.map((name) => [name, thresholdsOf(name)]));
  });

  test('freshness and in sync, for every promise, clock and look', async () => {
    const cases = [...fc.sample(anyCase, 3000), ...edges()];
    const { rows } = await client.query<{ freshness: string; in_sync: string }>(
      `SELECT freshness(frequency, retired, last_change("confirmationCounts", "checkedAt", "sourceChangedAt", "dataChangedAt"), due,
           overdue, delinquent, $2),
         in_sync(retired, last, "checkedAt", "dataChangedAt", confirmation_holds(frequency, overdue, wait), $2)
       FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (frequency text, "confirmationCounts" boolean, retired boolean, last text,
           wait integer, "checkedAt" timestamptz, "sourceChangedAt" timestamptz, "dataChangedAt" timestamptz)) WITH ORDINALITY one
         LEFT JOIN promise USING (frequency) ORDER BY ordinality`,
      [JSON.stringify(cases), NOW],
    );
    const wrong = cases.flatMap((one, i) => {
      const clocks: Clocks = { ...one, metadataChangedAt: null };
      const expected = { freshness: freshness(one, clocks, NOW).state, in_sync: inSync(one, clocks, NOW).state };
      const found = rows[i];
      return found?.freshness === expected.freshness && found.in_sync === expected.in_sync
        ? []
        : [{ one, expected, found }];
    });
    expect(wrong).toEqual([]);
  });

  test('a schedule has the longest wait of its coarsest field', async () => {
    const waits: [string | null, number | null][] = [
      ['* * * * *', HOUR],
      ['*/10 * * * * *', HOUR],
      ['7 * * * *', HOUR],
      ['0 3 * * *', DAY],
      ['0 */2 * * *', DAY],
      [' 0  3 * * 1-5 ', 7 * DAY],
      ['0 3 31 * *', 62 * DAY],
      ['0 3 1 1,7 *', 366 * DAY],
      ['0 3 13 * 5', 366 * DAY],
      [null, null],
    ];
    const { rows } = await client.query<{ cron: string | null; wait: number | null }>(
      'SELECT cron, schedule_wait(cron) AS wait FROM unnest($1::text[]) cron',
      [waits.map(([cron]) => cron)],
    );
    expect(rows.map(({ cron, wait }) => [cron, wait])).toEqual(waits);
  });
});

const entry = async (now = new Date()) => {
  const found = await catalog.estate.dataset(connector.dataset, now);
  if (!found) throw new Error('the dataset is in the catalog');
  return found;
};
const declare = async (spec: Record<string, unknown>): Promise<void> => {
  const { spec: present } = await entry();
  const metadata = { name: connector.dataset };
  await catalog.estate.apply(
    [{ apiVersion: 'songhua/v1', kind: 'Dataset', metadata, spec: { ...present, ...spec } }],
    'test',
  );
};
/** As if the last change had been so long ago. */
const age = (hours: number) =>
  client.query(`UPDATE current_pointer SET data_changed_at = clock_timestamp() - make_interval(hours => $1)`, [hours]);

let slots = 0;
const look = async (state: SyncState): Promise<void> => {
  await enqueue(catalog, [connector], `look-${slots++}`);
  const [sync] = await catalog.syncs.take('a', 1, 1, 60);
  const reason = { code: 'source.gone', message: 'm', actor: 'department' as const, retryable: false };
  await catalog.syncs.finish('a', [
    result(sync as SyncRecord, state as 'unchanged', state === 'failed' ? { reason } : {}),
  ]);
};

test('an hourly dataset whose export is dead is due, overdue, delinquent, however often it is looked at, and confirmed all the while', async () => {
  await declare({ frequency: 'HOURLY' });
  await publish(catalog, connector, 'first', 1, 'a');
  const states = [];
  for (const hours of [0, 1, 2, 3, 24 * 7]) {
    await age(hours);
    await look('unchanged');
    const { freshness, inSync, lateSince, dueAt, clocks } = await entry();
    states.push([freshness, inSync, lateSince !== null]);
    expect(dueAt).toEqual(new Date(Number(clocks.dataChangedAt) + HOUR * 1000));
    if (lateSince) expect(lateSince).toEqual(new Date(Number(dueAt) + HOUR * 1000));
  }
  expect(states).toEqual([
    ['fresh', 'confirmed', false],
    ['due', 'confirmed', false],
    ['overdue', 'confirmed', true],
    ['delinquent', 'confirmed', true],
    ['delinquent', 'confirmed', true],
  ]);
});

test('a dataset that declares that a confirmation counts stays fresh while it is looked at', async () => {
  await declare({ frequency: 'HOURLY', confirmationCounts: true });
  await publish(catalog, connector, 'first', 1, 'a');
  await age(24 * 7);
  await look('unchanged');
  const { freshness, inSync, clocks, dueAt } = await entry();
  expect({ freshness, inSync }).toEqual({ freshness: 'fresh', inSync: 'confirmed' });
  expect(dueAt).toEqual(new Date(Number(clocks.checkedAt) + HOUR * 1000));
});

test('a source that cannot be looked at keeps its promise by its data, and the look is failing until one succeeds', async () => {
  await publish(catalog, connector, 'first', 1, 'a');
  await look('failed');
  expect(await entry()).toMatchObject({ freshness: 'fresh', inSync: 'failing' });
  await look('unchanged');
  expect(await entry()).toMatchObject({ freshness: 'fresh', inSync: 'confirmed' });
});

test('a source that nobody looks at any more is stale when its confirmation has run out', async () => {
  await publish(catalog, connector, 'first', 1, 'a');
  const { inSyncUntil } = await entry();
  if (!inSyncUntil) throw new Error('a daily dataset is to be looked at again');
  expect((await entry(new Date(inSyncUntil.getTime() - 1))).inSync).toBe('confirmed');
  expect((await entry(new Date(inSyncUntil.getTime() + 1))).inSync).toBe('stale');
});

test('a confirmation holds for two waits of a schedule that is shorter than the promise, until its connector is deleted', async () => {
  await declare({ frequency: 'ANNUAL' });
  const schedule = { cron: '0 3 * * *', timezone: 'Asia/Shanghai' };
  await catalog.connectors.apply(
    [
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name: connector.name },
        spec: { ...connector.spec, schedule },
      },
    ],
    OPERATOR,
  );
  await publish(catalog, connector, 'first', 1, 'a');
  const holds = async (): Promise<number> => {
    const { inSyncUntil, clocks } = await entry();
    return (Number(inSyncUntil) - Number(clocks.checkedAt)) / 1000;
  };
  expect(await holds()).toBe(2 * DAY);
  await catalog.connectors.delete(connector.name, 'kim');
  expect(await holds()).toBe(425 * DAY);
});

test('what is held differs from the source, and what a person refused too', async () => {
  await publish(catalog, connector, 'first', 1, 'a');
  const sync = await deliver(catalog, connector, 'second');
  await catalog.refreshes.begin(landed(sync));
  const reason = { code: 'guard.shrunk', message: 'm', actor: 'department' as const, retryable: false };
  await catalog.refreshes.finish(landed(sync), { sync: sync.id, state: 'held', reason }, {});
  expect(await entry()).toMatchObject({ freshness: 'fresh', inSync: 'differs' });
  await catalog.holds.decide(sync.id, { approved: false, reason: 'wrong', by: 'kim' });
  expect((await entry()).inSync).toBe('differs');
});

test('a failed backfill is no look at the source of today', async () => {
  await publish(catalog, connector, 'first', 1, 'a');
  await catalog.syncs.enqueue([
    { connector, slot: 'request:b', full: false, range: { from: '1' }, traceparent: TRACEPARENT },
  ]);
  const [sync] = await catalog.syncs.take('a', 1, 1, 60);
  const reason = { code: 'source.gone', message: 'm', actor: 'department' as const, retryable: false };
  await catalog.syncs.finish('a', [result(sync as SyncRecord, 'failed', { reason })]);
  expect((await entry()).inSync).toBe('confirmed');
});

test('lists are filtered by both answers, and the summary counts both', async () => {
  await declare({ frequency: 'HOURLY' });
  await publish(catalog, connector, 'first', 1, 'a');
  await age(2);
  await look('unchanged');
  const list = async (filter: { freshness?: 'overdue' | 'fresh'; inSync?: 'confirmed' | 'stale' }) =>
    (await catalog.estate.datasets({ ...filter, sort: 'freshness', page: 1, pageSize: 5 }, new Date())).total;
  expect(await list({ freshness: 'overdue', inSync: 'confirmed' })).toBe(1);
  expect(await list({ freshness: 'fresh' })).toBe(0);
  expect(await list({ inSync: 'stale' })).toBe(0);
  expect(await catalog.estate.summary(new Date())).toMatchObject({
    freshness: { fresh: 0, due: 0, overdue: 1, delinquent: 0, unknown: 0, retired: 0 },
    inSync: { confirmed: 1, differs: 0, failing: 0, stale: 0, unknown: 0 },
  });
});

test('every name of the frequency vocabulary may be promised', async () => {
  for (const frequency of names) await declare({ frequency });
  expect((await entry()).frequency).toBe(names.at(-1));
});
