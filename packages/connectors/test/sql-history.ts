import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { SourceMessage } from '@songhua/connector-sdk';
import { type Cursor, OPERATIONS } from '@songhua/contracts';
import fc from 'fast-check';
import { readOnce, rowsOf } from './reading.js';
import type { SqlFixture } from './sql-fixtures.js';

/** Seconds that a commit may be late by; less than the overlap. */
const LATEST = 200;
const RUNS = 12;

type Step =
  | { do: 'put'; id: number; name: string; late: number; equal: boolean }
  | { do: 'delete'; id: number }
  | { do: 'sync'; crash: boolean };

const ids = fc.integer({ min: 1, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      id: ids,
      name: fc.constantFrom('a', 'b', '', '"x",\n'),
      late: fc.integer({ min: 0, max: LATEST }),
      equal: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), id: ids }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sync' as const), crash: fc.boolean() }) },
);

/** Random inserts, updates, soft deletes, late commits and equal times, read by random syncs of which some are lost. */
export function testHistory(create: () => Promise<SqlFixture>): void {
  let fixture: SqlFixture;
  beforeAll(async () => {
    fixture = await create();
  });
  afterAll(() => fixture?.close());

  test('whatever happens to a table between whichever syncs, what was read is what it holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (history, growing) => {
        await run(fixture, [...history, { do: 'sync', crash: false }], growing);
      }),
      { numRuns: RUNS },
    );
  });
}

async function run(fixture: SqlFixture, history: Step[], nullable: boolean): Promise<void> {
  const { execute, time } = fixture;
  await execute(
    'DROP TABLE IF EXISTS story',
    `CREATE TABLE story (id integer PRIMARY KEY, name varchar(20), changed_at ${time}, gone integer)`,
  );
  const config = {
    ...fixture.config,
    table: 'story',
    columns: ['id', 'name'],
    cursor: { column: 'changed_at' },
    softDelete: { column: 'gone' },
  };
  const source = new Map<string, string>();
  let published = new Map<string, string>();
  let cursor: Cursor | undefined;
  let clock = Date.UTC(2026, 0, 1);
  const stamp = (late: number) => new Date(clock - late * 1000).toISOString().replace('T', ' ').slice(0, 23);
  for (const at of history) {
    if (at.do === 'sync') {
      const messages = await readOnce(fixture.connector, config, {
        secrets: fixture.secrets,
        mode: 'merge',
        primaryKey: ['id'],
        cursor,
      });
      // A sync that crashed before its version was published leaves neither rows nor a cursor.
      if (at.crash) continue;
      published = applied(published, messages);
      const last = messages.at(-1);
      if (last?.type === 'end') cursor = JSON.parse(JSON.stringify(last.cursor)) as Cursor;
      if (last?.type === 'unchanged' && last.validators) cursor = last.validators;
      expect(published).toEqual(source);
      continue;
    }
    if (!(at.do === 'put' && at.equal)) clock += 30_000;
    const [name, gone, late] = at.do === 'put' ? [at.name, 0, at.late] : ['', 1, 0];
    const changed = nullable && at.id === 1 ? 'NULL' : `'${stamp(late)}'`;
    await execute(
      `DELETE FROM story WHERE id = ${at.id}`,
      `INSERT INTO story VALUES (${at.id}, '${name}', ${changed}, ${gone})`,
    );
    if (gone) source.delete(String(at.id));
    else source.set(String(at.id), name);
  }
}

/** What a version holds after a sync, by the rules of mode merge. */
function applied(before: Map<string, string>, messages: SourceMessage[]): Map<string, string> {
  const start = messages[0];
  if (start?.type !== 'start') return before;
  const after = start.scope === 'all' ? new Map<string, string>() : new Map(before);
  for (const row of rowsOf(messages)) {
    const [operation, id = '', name = ''] = start.operations ? row : [OPERATIONS.put, ...row];
    if (operation === OPERATIONS.delete) after.delete(id);
    else after.set(id, name);
  }
  return after;
}
