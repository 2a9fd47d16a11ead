import { expect, test } from '@jest/globals';
import { reasonOf } from '@songhua/domain';
import fc from 'fast-check';
import { guessRenamed } from '../src/normalize/renamed.js';
import { enforcePolicy, planColumns } from '../src/normalize/schema.js';
import type { NormalizeInput } from '../src/types.js';

const names: fc.Arbitrary<string[]> = fc.uniqueArray(
  fc.constantFrom<string[]>('id', '学校', 'name', 'score', '年份', 'batch', 'note'),
  { maxLength: 7 },
);

test('a guess of a renaming takes each column at most once, a missing one for an added one, and never a common one', () => {
  fc.assert(
    fc.property(names, names, (before, now) => {
      const drift = {
        missing: before.filter((name) => !now.includes(name)),
        added: now.filter((name) => !before.includes(name)),
      };
      const renamed = guessRenamed(before, now, drift);
      expect(new Set(renamed.map(({ from }) => from)).size).toBe(renamed.length);
      expect(new Set(renamed.map(({ to }) => to)).size).toBe(renamed.length);
      for (const { from, to } of renamed)
        expect([drift.missing.includes(from), drift.added.includes(to)]).toEqual([true, true]);
    }),
  );
});

test('a hold for changed columns says in words and for machines what is missing, new, retyped and perhaps renamed', () => {
  const column = (name: string) => ({ name, type: 'string' as const, nullable: true });
  const published = ['id', 'score', 'year', 'note'];
  const input = {
    columns: ['id', '分数', 'year', 'extra'].map((name) => ({ name, source: name })),
    primaryKey: ['id'],
    schemaPolicy: 'hold',
    overrides: [],
    previous: { schema: { columns: published.map(column), primaryKey: ['id'] } },
  } as unknown as NormalizeInput;
  const difference = {
    missing: ['score', 'note'],
    added: ['分数', 'extra'],
    retyped: [{ name: 'year', from: 'string', to: 'integer' }],
    renamed: [
      { from: 'score', to: '分数' },
      { from: 'note', to: 'extra' },
    ],
  };
  const drift = { ...planColumns(input).drift, retyped: difference.retyped };
  for (const [schemaPolicy, code] of [
    ['hold', 'schema.changed'],
    ['reject', 'schema.rejected'],
  ] as const) {
    let thrown: unknown;
    try {
      enforcePolicy({ ...input, schemaPolicy }, drift);
    } catch (error) {
      thrown = error;
    }
    const reason = reasonOf(thrown);
    expect(reason).toMatchObject({ code, actor: 'department', difference });
    for (const part of ['score, note', '分数, extra', 'year (string → integer)', 'score → 分数'])
      expect(reason.message).toContain(part);
  }
  expect(() => enforcePolicy({ ...input, schemaPolicy: 'evolve' }, drift)).not.toThrow();
});

test('a column that is declared in another way is no change of the source', () => {
  const column = (name: string, title: string) => ({ name, type: 'string' as const, nullable: true, title });
  const { plan, drift } = planColumns({
    columns: ['id', 'year'].map((name) => ({ name, source: name })),
    primaryKey: ['id'],
    declared: [
      { name: 'id', type: 'string', title: '编号' },
      { name: 'year', type: 'integer', required: true },
    ],
    previous: {
      schema: { columns: [column('id', '号'), column('year', '年份')], primaryKey: [] },
      identity: 'sha256:0',
      rows: 1,
      parquet: 'unread',
    },
  });
  expect(drift).toEqual({ missing: [], added: [], retyped: [] });
  expect(plan.map((planned) => planned.column)).toEqual([
    { name: 'id', type: 'string', nullable: false, title: '编号', source: 'id' },
    { name: 'year', type: 'integer', nullable: false, source: 'year' },
  ]);
});
