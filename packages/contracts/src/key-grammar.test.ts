import { expect, test } from '@jest/globals';
import { KEY_GRAMMAR, KEY_PREFIXES, parseKey } from './key-grammar.js';
import { keys } from './landing.js';

test('every key that is made is taken apart again into the ids that it was made of', () => {
  const parsed = [
    keys.pushed('cn_1', '0190-a'),
    keys.landingPart('ds_1', { sync: 'sy_1', attempt: 4, traceparent: 't' }, 'rows-000000-000001.csv.gz'),
    keys.landingManifest('ds_1', { sync: 'sy_1', attempt: 4, traceparent: 't' }),
    keys.versionFile('ds_1', 7, '4-a1b2', 'data.parquet'),
    keys.manifest('ds_1', 7),
    keys.rejected('ds_1', 'sy_1'),
    keys.replayed('ds_1', 'sy_1', 'sy_2'),
    keys.stillRejected('ds_1', 'sy_1', 'sy_2'),
    'renders/ds_1/7/0190-a/data.csv',
    keys.auditHead('2026-11-30'),
  ].map(parseKey);
  expect(parsed).toEqual([
    { kind: 'push', connector: 'cn_1' },
    { kind: 'landing', dataset: 'ds_1', sync: 'sy_1', attempt: 4 },
    { kind: 'landing', dataset: 'ds_1', sync: 'sy_1', attempt: 4 },
    { kind: 'version-file', dataset: 'ds_1', version: 7 },
    { kind: 'version-manifest', dataset: 'ds_1', version: 7 },
    { kind: 'rejected', dataset: 'ds_1', sync: 'sy_1', replay: undefined },
    { kind: 'rejected', dataset: 'ds_1', sync: 'sy_1', replay: 'sy_2' },
    { kind: 'rejected', dataset: 'ds_1', sync: 'sy_1', replay: 'sy_2' },
    { kind: 'render', dataset: 'ds_1', version: 7 },
    { kind: 'audit-head' },
  ]);
  // Every maker of keys and every rule of the grammar is in the list above.
  expect(Object.keys(keys)).toHaveLength(parsed.length - 1);
  expect(new Set(parsed.map((one) => one?.kind))).toEqual(new Set(KEY_GRAMMAR.map(({ kind }) => kind)));
});

test.each([
  'landing/ds_1/sy_1/manifest.json',
  'landing/ds_1/sy_1/first/rows.csv.gz',
  'datasets/ds_1/versions/7/extra/deep/data.parquet',
  'datasets/ds_1/versions/07/manifest.json',
  'staging/landing/ds_1/sy_1/1/rows.csv.gz',
  'audit/checkpoints/1.json',
  'readme.txt',
])('%s is none of ours', (key) => expect(parseKey(key)).toBeUndefined());

test('a landing from before claims had a place of their own in keys is one still, and no two claims share a key', () => {
  expect(parseKey('landing/ds_1/sy_1/4/manifest.json')).toEqual({
    kind: 'landing',
    dataset: 'ds_1',
    sync: 'sy_1',
    attempt: 4,
  });
  const [one, other] = ['a', 'b'].map((traceparent) =>
    keys.landingManifest('ds_1', { sync: 'sy_1', attempt: 4, traceparent }),
  );
  expect(one).not.toBe(other);
});

test('the prefixes to list are those of the grammar', () => {
  const first = new Set(KEY_GRAMMAR.map(({ pattern }) => `${pattern.split('/')[0]}/`));
  expect(new Set(KEY_PREFIXES)).toEqual(first);
});
