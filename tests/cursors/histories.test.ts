import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTables, type DeclaredColumn, type Tables } from '@songhua/tables';
import fc from 'fast-check';
import { type Crash, createPipeline, type Pipeline, removeFolder } from './pipeline.js';
import { postgresSource, type Source, sqliteSource, type Writer } from './sources.js';

let folder: string;
let tables: Tables;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-histories-'));
  tables = createTables({ memoryMb: 256, threads: 1, tempDirectory: join(folder, 'spill') });
});
afterAll(async () => {
  await tables.close();
  await removeFolder(folder);
});

const declared: DeclaredColumn[] = [
  { name: 'id', type: 'integer' },
  { name: 'v', type: 'string' },
  { name: 'changed_at', type: 'datetime' },
];

/** Microseconds that pass before an action; most happen at the same moment as the one before. */
const pause = fc.constantFrom(0, 0, 0, 1, 400_000, 3_000_000);
const id = fc.integer({ min: 1, max: 6 });
const word = fc.constantFrom('甲', '乙', '丙');
const by = fc.integer({ min: 0, max: 2 });

type Action = { pause: number } & (
  | { do: 'put'; by: number; id: number; v: string }
  | { do: 'mark deleted'; id: number }
  | { do: 'delete'; id: number }
  | { do: 'commit' | 'roll back'; by: number }
  | { do: 'sync'; crash: Crash; full: boolean }
);

const put = fc.record({ do: fc.constant('put' as const), pause, by, id, v: word });
const end = fc.record({ do: fc.constantFrom('commit' as const, 'commit' as const, 'roll back' as const), pause, by });
const sync = fc.record({
  do: fc.constant('sync' as const),
  pause,
  crash: fc.constantFrom<Crash[]>('none', 'none', 'none', 'reading', 'refreshing'),
  full: fc.constantFrom(false, false, false, true),
});
const remove = fc.record({ do: fc.constantFrom('mark deleted' as const, 'delete' as const), pause, id });
const history = (...others: fc.WeightedArbitrary<Action>[]): fc.Arbitrary<Action[]> =>
  fc.array(
    fc.oneof<fc.WeightedArbitrary<Action>[]>(
      { weight: 8, arbitrary: put },
      { weight: 3, arbitrary: end },
      { weight: 5, arbitrary: sync },
      ...others,
    ),
    { minLength: 4, maxLength: 24 },
  );

/** The moment `micros` after the start, as both databases take it. */
function moment(micros: number): string {
  const at = new Date(Date.UTC(2026, 0, 31, 23, 59, 58) + Math.floor(micros / 1000)).toISOString();
  return `'${at.slice(0, 10)} ${at.slice(11, 23)}${String(micros % 1000).padStart(3, '0')}+00'`;
}

/** Applications that write `items`: each in a transaction of its own that it may leave open, and none waits for a lock of another. */
function applications(source: Source) {
  const open = new Map<Writer, Set<number>>();
  const writer = (n: number): Writer => source.others[n % Math.max(1, source.others.length)] ?? source.direct;
  const free = (one: number, self?: Writer): boolean =>
    [...open].every(([other, held]) => other === self || !held.has(one));
  return {
    free,
    /** Writes at once for every third writer, else in an open transaction. */
    async write(by: number, row: number, sql: string): Promise<void> {
      const one = by === 0 ? source.direct : writer(by);
      if (!free(row, one)) return;
      if (one !== source.direct) {
        if (!open.has(one)) await one.run('BEGIN');
        open.set(one, (open.get(one) ?? new Set()).add(row));
      }
      await one.run(sql);
    },
    async end(by: number, how: 'COMMIT' | 'ROLLBACK'): Promise<void> {
      const one = writer(by);
      if (open.delete(one)) await one.run(how);
    },
    async endAll(how: 'COMMIT' | 'ROLLBACK'): Promise<void> {
      for (const one of open.keys()) await one.run(how);
      open.clear();
    },
  };
}

async function changed(source: Source, actions: Action[], overlap: number | undefined): Promise<void> {
  const { types } = source;
  await source.direct.run('DROP TABLE IF EXISTS items');
  await source.direct.run(
    `CREATE TABLE items (id integer PRIMARY KEY, v text, changed_at ${types.time}, gone ${types.flag})`,
  );
  const cursor = { column: 'changed_at', ...(overlap === undefined ? {} : { overlap }) };
  const pipeline = createPipeline({
    ...source,
    config: { ...source.config, columns: ['id', 'v', 'changed_at'], cursor, softDelete: { column: 'gone' } },
    tables,
    mode: 'merge',
    primaryKey: ['id'],
    declared,
    folder,
  });
  const apps = applications(source);
  const deleted = new Set<number>();
  const served = async (): Promise<Map<number, unknown>> =>
    new Map((await pipeline.rows()).map((row) => [Number(row.id), row.v]));
  const committed = async (): Promise<Map<number, unknown>> =>
    new Map(
      (
        await source.select(
          `SELECT id, v FROM items WHERE NOT coalesce(gone, ${types.flag === 'boolean' ? 'false' : '0'})`,
        )
      ).map((row) => [Number(row.id), row.v]),
    );
  /** Everything that was committed is served as it is, and nothing else is but rows that vanished without a trace. */
  const check = async (): Promise<void> => {
    const [source, version] = [await committed(), await served()];
    const others = [...version].filter(([one]) => !source.has(one) && !deleted.has(one));
    expect(others).toEqual([]);
    expect([...source].filter(([one, v]) => version.get(one) !== v)).toEqual([]);
  };
  let now = 0;
  const flag = (value: boolean): string => (types.flag === 'boolean' ? String(value) : value ? '1' : '0');
  for (const action of actions) {
    now += action.pause;
    if (action.do === 'put')
      await apps.write(
        action.by,
        action.id,
        `INSERT INTO items VALUES (${action.id}, '${action.v}', ${moment(now)}, ${flag(false)})
         ON CONFLICT (id) DO UPDATE SET v = excluded.v, changed_at = excluded.changed_at, gone = excluded.gone`,
      );
    else if (action.do === 'mark deleted')
      await apps.write(
        0,
        action.id,
        `UPDATE items SET gone = ${flag(true)}, changed_at = ${moment(now)} WHERE id = ${action.id}`,
      );
    else if (action.do === 'delete') {
      if (!apps.free(action.id)) continue;
      await source.direct.run(`DELETE FROM items WHERE id = ${action.id}`);
      deleted.add(action.id);
    } else if (action.do !== 'sync') await apps.end(action.by, action.do === 'commit' ? 'COMMIT' : 'ROLLBACK');
    else {
      await pipeline.sync(action);
      if (action.crash === 'none') await check();
    }
  }
  await apps.endAll('COMMIT');
  await pipeline.sync();
  await check();
  await pipeline.sync({ full: true });
  expect([...(await served())].toSorted()).toEqual([...(await committed())].toSorted());
}

interface Added {
  overlap: number | undefined;
  /** The dataset has a key; without one its rows are told apart by what they say. */
  keyed: boolean;
  /** The connector knows that numbers grow among rows of one moment. */
  ordered: boolean;
}

async function added(source: Source, actions: Action[], { overlap, keyed, ordered }: Added): Promise<void> {
  const { types } = source;
  await source.direct.run('DROP TABLE IF EXISTS items');
  await source.direct.run(`CREATE TABLE items (id ${types.serial}, v text, changed_at ${types.time})`);
  const cursor = {
    column: 'changed_at',
    ...(overlap === undefined ? {} : { overlap }),
    ...(ordered ? { key: 'id' } : {}),
  };
  const columns = keyed ? ['id', 'v', 'changed_at'] : ['v', 'changed_at'];
  const pipeline: Pipeline = createPipeline({
    ...source,
    config: { ...source.config, columns, cursor },
    tables,
    mode: 'append',
    primaryKey: keyed ? ['id'] : [],
    declared: declared.filter(({ name }) => columns.includes(name)),
    folder,
  });
  const apps = applications(source);
  const check = async (): Promise<void> => {
    const words = (rows: Record<string, unknown>[]): string[] => rows.map(({ v }) => String(v)).toSorted();
    expect(words(await pipeline.rows())).toEqual(words(await source.select('SELECT v FROM items')));
  };
  let now = 0;
  let row = 0;
  for (const action of actions) {
    now += action.pause;
    if (action.do === 'put')
      await apps.write(action.by, ++row, `INSERT INTO items (v, changed_at) VALUES ('${action.v}', ${moment(now)})`);
    else if (action.do === 'commit') await apps.end(action.by, 'COMMIT');
    else if (action.do === 'roll back') await apps.end(action.by, 'ROLLBACK');
    else if (action.do === 'sync') {
      await pipeline.sync(action);
      if (action.crash === 'none') await check();
    }
  }
  await apps.endAll('COMMIT');
  await pipeline.sync();
  await check();
}

// A read of an SQLite file starts a process, so there are fewer of them; nobody waits for a machine that is busy.
describe.each([
  ['postgres', postgresSource, { numRuns: 25, interruptAfterTimeLimit: 30_000 }],
  ['sqlite', sqliteSource, { numRuns: 8, interruptAfterTimeLimit: 20_000 }],
] as const)('a random history of a table in %s, read by random syncs with random crashes', (_, open, effort) => {
  let source: Source;
  beforeAll(async () => {
    source = await open();
  });
  afterAll(() => source?.close());
  const ended = (): Promise<void> =>
    Promise.all(source.others.map((other) => other.run('ROLLBACK'))).then(() => undefined);

  test('always publishes what was committed, and in the end the state of the source', () =>
    fc.assert(
      fc
        .asyncProperty(
          history({ weight: 3, arbitrary: remove }),
          fc.constantFrom(undefined, 0, 2),
          (actions, overlap) => changed(source, actions, overlap),
        )
        .afterEach(ended),
      effort,
    ));

  test('in mode append always publishes every row that was committed, once', () =>
    fc.assert(
      fc
        .asyncProperty(
          history(),
          fc.constantFrom<Added[]>(
            { keyed: true, ordered: false, overlap: 0 },
            { keyed: true, ordered: true, overlap: 0 },
            { keyed: true, ordered: false, overlap: 2 },
            // Of rows without a key, a late one that equals an earlier one is only told apart inside the overlap.
            { keyed: false, ordered: false, overlap: undefined },
          ),
          (actions, how) => added(source, actions, how),
        )
        .afterEach(ended),
      effort,
    ));
});
