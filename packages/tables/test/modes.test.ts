import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { OPERATIONS } from '@songhua/contracts';
import { type SyncMode, unaccounted } from '@songhua/domain';
import fc from 'fast-check';
import type { DeclaredColumn, NormalizeInput, NormalizeResult } from '../src/index.js';
import { type Bench, bench, rejectedRows } from './harness.js';

let b: Bench;
beforeAll(() => {
  b = bench();
});
afterAll(() => b.close());

const { put, delete: remove, truncate } = OPERATIONS;
const HEADER = ['id', 'amount', 'note'];
const declared: DeclaredColumn[] = [
  { name: 'id', type: 'integer' },
  { name: 'amount', type: 'decimal', required: true },
  { name: 'note', type: 'string' },
];
const KEYED = { declared, primaryKey: ['id'], overrides: ['shrink'], operations: true, mode: 'cdc' as const };
const code = (expected: string) => expect.objectContaining({ code: expected });

/** A dataset that is refreshed part after part. */
function dataset(options: Partial<NormalizeInput>) {
  let current: NonNullable<NormalizeInput['previous']> | undefined;
  let served: NormalizeResult | undefined;
  return {
    async refresh(rows: string[][], more: Partial<NormalizeInput> = {}): Promise<NormalizeResult> {
      const previous = current ? { previous: current } : {};
      const result = await b.refresh(HEADER, rows, { ...options, ...previous, ...more });
      expect(unaccounted(result.counts)).toBe(0);
      if (result.files.length > 0) {
        expect(result.rows - (current?.rows ?? 0)).toBe(result.changes.added - result.changes.removed);
        current = b.after(result);
        served = result;
      }
      return result;
    },
    /** The rows that are served, as sorted lines of CSV. */
    rows: async (): Promise<string[]> =>
      served
        ? (await b.csv(served))
            .trimEnd()
            .split('\n')
            .slice(1)
            .map((row) => row.replace(/^([^,]*),([^,]*)/, (_, id, amount) => `${id},${Number(amount)}`))
            .toSorted()
        : [],
    identity: () => current?.identity,
  };
}

const line = (id: number, [amount, note]: [number, string]): string => `${id},${amount},${note}`;
// Different scales, so that a later read may have fewer digits than the version before.
const amounts = fc.constantFrom(0, 1, 0.5, 2.25);
const notes = fc.constantFrom('', '甲', '乙');
const ids = fc.integer({ min: 1, max: 5 });
// The same whole number, as different departments write it.
const spelled = (id: number) => fc.constantFrom(`${id}`, ` ${id}`, String.fromCharCode(0xff10 + id));

type Operation =
  | { does: 'put'; id: number; value: [number, string]; cells: string[] }
  | { does: 'delete'; id: number; cells: string[] }
  | { does: 'truncate' | 'put badly' | 'nothing'; cells: string[] };

const of = (does: 'truncate' | 'put badly' | 'nothing', ...cells: string[]): Operation => ({ does, cells });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(ids, amounts, notes).chain(([id, amount, note]) =>
      spelled(id).map((text) => ({
        does: 'put' as const,
        id,
        value: [amount, note] as [number, string],
        cells: [put, text, amount.toFixed(2), note],
      })),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(ids, fc.constantFrom('', 'much'))
      .chain(([id, rubbish]) =>
        spelled(id).map((text) => ({ does: 'delete' as const, id, cells: [remove, text, rubbish, rubbish] })),
      ),
  },
  { weight: 1, arbitrary: fc.constant(of('truncate', truncate, '', '', '')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      of('put badly', put, '1', 'much', ''),
      of('put badly', put, '1', '', ''),
      of('put badly', put, '', '1.00', ''),
      of('nothing', remove, '', '', ''),
      of('nothing', '', '1', '1.00', ''),
      of('nothing', '*', '1', '1.00', ''),
    ),
  },
);

function apply(state: Map<number, [number, string]>, operations: readonly Operation[]): void {
  for (const one of operations) {
    if (one.does === 'put') state.set(one.id, one.value);
    else if (one.does === 'delete') state.delete(one.id);
    else if (one.does === 'truncate') state.clear();
  }
}

test('operations in any parts leave exactly the state that they describe, and its identity is that of one whole read', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(operation, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
      async (parts) => {
        const state = new Map<number, [number, string]>();
        const served = dataset(KEYED);
        for (const part of parts) {
          apply(state, part);
          const { counts } = await served.refresh(part.map(({ cells }) => cells));
          expect(counts.read).toBe(part.length);
          expect(await served.rows()).toEqual([...state].map(([id, value]) => line(id, value)).toSorted());
        }
        const rows = [...state].map(([id, [amount, note]]) => [`${id}`, amount.toFixed(2), note]).toReversed();
        const whole = await b.refresh(HEADER, rows, { declared, primaryKey: ['id'] });
        expect(whole.identity).toBe(served.identity());
      },
    ),
    { numRuns: 20 },
  ));

test('append keeps of equal rows as many as any one read had, and of a key the first', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.tuple(ids, amounts, notes), { maxLength: 10 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('all' as const, 'part' as const),
      fc.boolean(),
      async (reads, scope, keyed) => {
        const served = dataset({ declared, mode: 'append', scope, primaryKey: keyed ? ['id'] : [] });
        const counts = new Map<string, number>();
        const known = new Set<number>();
        for (const read of reads) {
          const own = new Map<string, number>();
          for (const [id, amount, note] of read) {
            const text = line(id, [amount, note]);
            if (keyed && known.has(id)) continue;
            known.add(id);
            own.set(text, (own.get(text) ?? 0) + 1);
          }
          for (const [text, n] of own) counts.set(text, Math.max(counts.get(text) ?? 0, n));
          await served.refresh(read.map(([id, amount, note]) => [`${id}`, `${amount}`, note]));
        }
        const expected = [...counts].flatMap(([text, n]) => Array.from({ length: n }, () => text));
        expect(await served.rows()).toEqual(expected.toSorted());
      },
    ),
    { numRuns: 20 },
  ));

test('of a whole read nothing of the version before stays, save in mode append', async () => {
  const before = [
    ['1', '1', 'a'],
    ['2', '2', 'b'],
  ];
  const read = [['2', '3', 'b']];
  const after = async (mode: SyncMode, more: Partial<NormalizeInput>): Promise<string[]> => {
    const served = dataset({
      declared,
      mode,
      scope: 'all',
      primaryKey: mode === 'append' ? [] : ['id'],
      overrides: ['shrink'],
    });
    await served.refresh(before);
    const { changes, counts } = await served.refresh(read, more);
    expect(counts).toMatchObject({ read: 1, published: 1, deleted: 0 });
    const whole = more.reset || (mode !== 'append' && more.scope === undefined);
    expect(changes.removed).toBe(!whole ? 0 : mode === 'append' ? 2 : 1);
    return served.rows();
  };
  for (const mode of ['full', 'merge', 'cdc'] as const) expect(await after(mode, {})).toEqual(['2,3,b']);
  for (const mode of ['merge', 'cdc'] as const)
    expect(await after(mode, { scope: 'part' })).toEqual(['1,1,a', '2,3,b']);
  expect(await after('append', {})).toEqual(['1,1,a', '2,2,b', '2,3,b']);
  for (const mode of ['append', 'merge', 'cdc'] as const)
    expect(await after(mode, { scope: 'part', reset: true })).toEqual(['2,3,b']);
});

test('what an operation did is counted once, and a row whose operation is none is rejected with its line', async () => {
  const served = dataset({ ...KEYED, operations: true });
  await served.refresh([
    [put, '1', '1', 'a'],
    [put, '2', '2', 'b'],
    [put, '3', '3', 'c'],
  ]);
  const result = await served.refresh([
    [put, '1', '1', 'a'],
    [put, '2', '9', 'b'],
    [remove, '3', 'no number', ''],
    [remove, '4', '', ''],
    [put, '5', '5', ''],
    [remove, '5', '', ''],
    [remove, '', '', ''],
    ['?', '6', '6', ''],
    ['', '7', '7', ''],
    [put, '8', 'no number', ''],
    [put, '9', '', ''],
  ]);
  expect(result.counts).toEqual({
    read: 11,
    published: 1,
    unchanged: 1,
    deduplicated: 1,
    deleted: 3,
    withheld: 0,
    rejected: 5,
  });
  expect(result.changes).toEqual({ added: 0, changed: 1, removed: 1 });
  expect(rejectedRows(result).map(({ line: at, code: why, field, raw }) => [at, why, field, raw])).toEqual([
    [8, 'key.missing', 'id', '-,,,'],
    [9, 'operation.unknown', undefined, '?,6,6,'],
    [10, 'operation.unknown', undefined, ',7,7,'],
    [11, 'cell.type', 'amount', '+,8,no number,'],
    [12, 'cell.required', 'amount', '+,9,,'],
  ]);
  expect(await served.rows()).toEqual(['1,1,a', '2,9,b']);
  const again = await served.refresh([
    [put, '1', '7', ''],
    [truncate, '', '', ''],
    [put, '2', '9', 'b'],
  ]);
  expect(again.counts).toMatchObject({ read: 3, deduplicated: 1, deleted: 1, unchanged: 1, published: 0 });
  expect(again.changes).toEqual({ added: 0, changed: 0, removed: 1 });
});

test('types are found in what is put, not in what is deleted', async () => {
  const rows = Array.from({ length: 300 }, (_, i) => [put, `${i}`, `${i}.5`, '2026-01-02']);
  const deletes = Array.from({ length: 300 }, (_, i) => [remove, `${i + 200}`, 'none', 'none']);
  const result = await b.refresh(HEADER, [...rows, ...deletes], { ...KEYED, declared: [] });
  expect(result.schema.columns.map(({ type }) => type)).toEqual(['integer', 'decimal', 'date']);
  expect(result.counts).toMatchObject({ published: 200, deduplicated: 100, deleted: 300, rejected: 0 });
});

test('a first version without rows fixes no type', async () => {
  const served = dataset({ mode: 'merge', primaryKey: ['id'] });
  await served.refresh([]);
  const { schema } = await served.refresh([['1', '2.5', '甲']]);
  expect(schema.columns.map(({ type }) => type)).toEqual(['integer', 'decimal', 'string']);
});

test('a part without rows is no outage, and deletes count for how much may vanish', async () => {
  const served = dataset({ ...KEYED, overrides: [], maxShrink: 0.5 });
  const rows = Array.from({ length: 10 }, (_, i) => [put, `${i}`, '1', '']);
  await served.refresh(rows);
  expect((await served.refresh([])).files).toEqual([]);
  expect((await served.refresh([], { operations: false, mode: 'merge' })).files).toEqual([]);
  expect((await served.refresh([], { operations: false, mode: 'append' })).files).toEqual([]);
  const gone = (n: number): string[][] => Array.from({ length: n }, (_, i) => [remove, `${i}`, '', '']);
  await expect(served.refresh(gone(6))).rejects.toEqual(code('guard.shrink'));
  await expect(served.refresh([[truncate, '', '', '']])).rejects.toEqual(code('guard.shrink'));
  await expect(served.refresh([], { scope: 'all' })).rejects.toEqual(code('guard.empty'));
  await expect(served.refresh([[put, '1', '1', '']], { scope: 'all' })).rejects.toEqual(code('guard.shrink'));
  expect((await served.refresh([[truncate, '', '', ''], ...rows])).files).toEqual([]);
  expect((await served.refresh(gone(5))).rows).toBe(5);
});

test('a mode that needs a key says so, and append refuses to delete', async () => {
  for (const mode of ['merge', 'cdc'] as const)
    await expect(b.refresh(['k'], [['a']], { mode })).rejects.toEqual(code('mode.key-missing'));
  await expect(b.refresh(['k'], [[put, 'a']], { operations: true })).rejects.toEqual(code('mode.key-missing'));
  await expect(b.refresh(['k'], [[put, 'a']], { operations: true, mode: 'append', primaryKey: ['k'] })).rejects.toEqual(
    code('mode.operations'),
  );
});

test('a column may have the name that operations have in the files between', async () => {
  const rows = [
    [put, 'a', 'x'],
    [put, 'b', 'y'],
    [remove, 'a', ''],
  ];
  const result = await b.refresh(['_OP', '_op_'], rows, { operations: true, mode: 'cdc', primaryKey: ['_OP'] });
  expect(await b.csv(result)).toBe('_OP,_op_\nb,y\n');
});

test('a part with shorter fractions rounds nothing of what is published, and a changed type asks for a whole read', async () => {
  const served = dataset({ declared, primaryKey: ['id'], mode: 'merge', schemaPolicy: 'evolve' });
  await served.refresh([['1', '123456789012.25', 'a']]);
  await served.refresh([['2', '3', 'b']]);
  await served.refresh([['3', '0.125', 'c']]);
  expect(await served.rows()).toEqual(['1,123456789012.25,a', '2,3,b', '3,0.125,c']);
  const retyped = { declared: [{ name: 'note', type: 'integer' as const }, ...declared.slice(0, 2)] };
  await expect(served.refresh([['1', '1', '7']], retyped)).rejects.toEqual(code('schema.reread'));
  expect((await served.refresh([['1', '1', '7']], { ...retyped, scope: 'all' })).rows).toBe(1);
});

test('100,000 changes with repetitions, deletes and a new snapshot in their midst end in the right table', async () => {
  const state = new Map<number, string>();
  const rows: string[][] = [];
  let seed = 1;
  const upTo = (n: number): number => {
    // The constants of Numerical Recipes.
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const changes = (until: number): void => {
    while (rows.length < until) {
      const id = upTo(20_000);
      if (upTo(5) === 0) {
        state.delete(id);
        rows.push([remove, `${id}`, '', '']);
      } else {
        const cells = [`${id}`, `${upTo(1000)}.50`, `企业${upTo(90)}`];
        state.set(id, cells.join(','));
        const row = [put, ...cells];
        rows.push(...(upTo(10) === 0 ? [row, row] : [row]));
      }
    }
  };
  changes(40_000);
  rows.push([truncate, '', '', '']);
  state.clear();
  changes(100_000);
  const served = dataset(KEYED);
  const { counts } = await served.refresh(rows);
  expect(counts).toMatchObject({ read: rows.length, published: state.size, rejected: 0 });
  const plain = [...state.values()].map((text) => text.replace('.50,', '.5,')).toSorted();
  expect(await served.rows()).toEqual(plain);
});
