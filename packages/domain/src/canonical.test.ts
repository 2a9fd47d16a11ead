import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './canonical.js';

const json = fc.jsonValue({ maxDepth: 4 });

const turned = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).reverse();
  return Object.fromEntries(fields.map(([name, inner]) => [name, turned(inner)]));
};

/** Whether an object would put the name before others by itself, as a place in a list. */
const isPlace = (name: string): boolean => /^(0|[1-9]\d*)$/.test(name);
const hasPlaces = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).some(([name, inner]) => (!Array.isArray(value) && isPlace(name)) || hasPlaces(inner));

describe('canonical JSON', () => {
  test('is that of RFC 8785', () => {
    const input = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(input))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    const names = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    const text = canonicalJson(Object.fromEntries([...names].reverse().map((name) => [name, 0])));
    expect(text).toBe(`{${names.map((name) => `${JSON.stringify(name)}:0`).join(',')}}`);
  });

  test('has numbers among the names in the order of their text, which no object keeps', () => {
    expect(canonicalJson({ 9: 'a', 10: 'b' })).toBe('{"10":"b","9":"a"}');
  });

  test('does not show in which order names were set, and reads back as the value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(turned(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('is what JSON.stringify makes of sorted names, where an object keeps those sorted', () => {
    const sorted = (_name: string, value: unknown): unknown =>
      typeof value !== 'object' || value === null || Array.isArray(value)
        ? value
        : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    fc.assert(
      fc.property(
        json.filter((value) => !hasPlaces(value)),
        (value) => expect(canonicalJson(value)).toBe(JSON.stringify(value, sorted)),
      ),
    );
  });

  test('is nothing of undefined, and passes over undefined fields', () => {
    expect(canonicalJson(undefined)).toBe('');
    expect(canonicalJson({ a: undefined, b: [undefined, new Date(0)] })).toBe(
      '{"b":[null,"1970-01-01T00:00:00.000Z"]}',
    );
  });
});
