import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './json.js';

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inner]) => [name, shuffled(inner)]),
  );
};

test('the order in which names were set never shows in canonical bytes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonicalJson(shuffled(value))).toEqual(canonicalJson(value));
    }),
  );
});

test('canonical bytes read back as the value, so different values have different bytes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value).toString())).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
