import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  assertReconciled,
  COLUMN_TYPES,
  deriveId,
  identityAfter,
  isName,
  parseName,
  type RowCounts,
  type TableSchema,
  unaccounted,
  versionIdentity,
} from './index.js';

const schema: fc.Arbitrary<TableSchema> = fc.record({
  columns: fc.array(
    fc.record({
      name: fc.string(),
      type: fc.constantFrom(...COLUMN_TYPES),
      nullable: fc.boolean(),
      title: fc.string(),
      source: fc.string(),
    }),
  ),
  primaryKey: fc.array(fc.string()),
});
const digest = fc.record({ rows: fc.nat(), lower: fc.nat().map(String), upper: fc.nat().map(String) });

describe('the identity of a version (I3)', () => {
  test('depends on nothing but what the schema says of the columns, the key and the rows', () => {
    fc.assert(
      fc.property(schema, digest, (s, d) => {
        const relabelled = {
          ...s,
          columns: s.columns.map((c) => ({ ...c, source: `${c.source}?`, precision: 3 })),
        };
        expect(versionIdentity(relabelled, d)).toBe(versionIdentity(s, d));
      }),
    );
  });

  test('differs when rows, a name, a type, a title, what may be missing or the key differ', () => {
    fc.assert(
      fc.property(schema, digest, schema, digest, (s1, d1, s2, d2) => {
        const facts = (s: TableSchema, d: object): string =>
          JSON.stringify([
            s.columns.map((c) => [c.name, c.type, c.nullable, c.title]),
            s.primaryKey,
            Object.entries(d).sort(),
          ]);
        fc.pre(facts(s1, d1) !== facts(s2, d2));
        expect(versionIdentity(s1, d1)).not.toBe(versionIdentity(s2, d2));
      }),
    );
  });
});

describe('a version that was made before titles counted', () => {
  // What version 1 of a dataset with a titled key column and two rows was called by then.
  const made: TableSchema = {
    columns: [{ name: 'id', type: 'integer', nullable: false, title: '编号' }],
    primaryKey: ['id'],
  };
  const rows = { rows: 2, lower: '1', upper: '2' };
  const identity = 'sha256:a428ec48bb0caf5f731682e05c3cb6b8d5492109f194023fcacb135a597ee307';

  test('is found to be the same as long as rows and schema are', () => {
    expect(identityAfter({ identity, schema: made }, made, rows)).toBe(identity);
  });

  test('is another one with another title, and then identities go on in the form of today', () => {
    const retitled = { ...made, columns: made.columns.map((column) => ({ ...column, title: '序号' })) };
    const next = identityAfter({ identity, schema: made }, retitled, rows);
    expect(next).toBe(versionIdentity(retitled, rows));
    expect(next).not.toBe(identity);
    expect(identityAfter({ identity: next, schema: retitled }, retitled, rows)).toBe(next);
  });
});

describe('ids', () => {
  test('are the same for the same parts and differ when text moves between parts', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), fc.array(fc.string(), { minLength: 1 }), (a, b) => {
        expect(deriveId('x', ...a) === deriveId('x', ...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  test.each(['../x', 'a/b', 'a%2e%2e', 'A', '-a', 'a-', '', 'é', 'a\0', 'a'.repeat(101)])(
    '%j is not a name',
    (name) => {
      expect(isName(name)).toBe(false);
      expect(() => parseName('dataset', name)).toThrow(expect.objectContaining({ code: 'name.invalid' }));
    },
  );

  test.each(['a', '7', 'admission-scores', 'a'.repeat(100)])('%j is a name', (name) =>
    expect(parseName('dataset', name)).toBe(name),
  );
});

describe('reconciliation (I4)', () => {
  const parts = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat());
  const counts = (
    read: number,
    [published, unchanged, deduplicated, deleted, withheld, rejected]: number[],
  ): RowCounts => ({ read, published, unchanged, deduplicated, deleted, withheld, rejected }) as RowCounts;

  test('holds exactly when every row read is in one place', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: -5, max: 5 }), (p, off) => {
        const sum = p.reduce((a, b) => a + b, 0);
        const c = counts(sum + off, p);
        expect(unaccounted(c)).toBe(off);
        if (off === 0) assertReconciled(c);
        else expect(() => assertReconciled(c)).toThrow(expect.objectContaining({ code: 'rows.unreconciled' }));
      }),
    );
  });
});
