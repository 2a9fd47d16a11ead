import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './canonical.js';
import { differences } from './difference.js';

const json = fc.jsonValue({ maxDepth: 4 });

describe('the difference of two documents', () => {
  test('is empty exactly when they are the same value, whatever the order of keys', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(differences(a, b).length === 0).toBe(canonicalJson(a) === canonicalJson(b));
        expect(differences(a, JSON.parse(canonicalJson(a)))).toEqual([]);
      }),
    );
  });

  test('names each field once, with what it was and what it is', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        for (const { before, after } of differences(a, b)) expect(canonicalJson(before)).not.toBe(canonicalJson(after));
      }),
    );
    const before = { title: 'a', guards: { maxShrink: 0.5 }, labels: { x: '1' } };
    const after = { title: 'a', guards: { maxShrink: 0.2 }, note: 'n' };
    expect(differences(before, after, 'spec')).toEqual([
      { path: 'spec.guards.maxShrink', before: 0.5, after: 0.2 },
      { path: 'spec.note', after: 'n' },
      { path: 'spec.labels', before: { x: '1' } },
    ]);
  });

  test('follows columns by their names, and tells another order', () => {
    const id = { name: 'id', type: 'integer' };
    const score = { name: 'score', type: 'decimal' };
    expect(differences([id, score], [{ ...id, type: 'string' }, score, { name: 'year' }], 'columns')).toEqual([
      { path: 'columns[id].type', before: 'integer', after: 'string' },
      { path: 'columns[year]', after: { name: 'year' } },
    ]);
    expect(differences([id, score], [score, id], 'columns')).toEqual([
      { path: 'columns', before: ['id', 'score'], after: ['score', 'id'] },
    ]);
    expect(differences(['a'], ['a', 'b'], 'key')).toEqual([{ path: 'key', before: ['a'], after: ['a', 'b'] }]);
  });
});
