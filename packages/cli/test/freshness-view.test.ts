import { expect, test } from '@jest/globals';
import { type Answers, freshnessWords, inSyncWords } from '../src/freshness-view.js';

const answers = (more: Partial<Answers>): Answers => ({
  freshness: 'fresh',
  dueAt: '2026-11-23T03:00:12.345Z',
  lateSince: null,
  inSync: 'confirmed',
  inSyncUntil: '2026-11-24T03:00:00.000Z',
  clocks: { checkedAt: '2026-11-22T03:00:00.000Z' },
  ...more,
});
const lateSince = '2026-11-24T03:00:12.345Z';

test.each([
  [{}, 'fresh, due 2026-11-23 03:00Z'],
  [{ freshness: 'due' }, 'due since 2026-11-23 03:00Z'],
  [{ freshness: 'overdue', lateSince }, 'overdue since 2026-11-24 03:00Z'],
  [{ freshness: 'delinquent', lateSince }, 'delinquent, overdue since 2026-11-24 03:00Z'],
  [{ freshness: 'unknown', dueAt: null }, 'unknown'],
])('the promise of %j is told as %s', (more, words) => {
  expect(freshnessWords(answers(more))).toBe(words);
});

test.each([
  [{}, 'confirmed until 2026-11-24 03:00Z'],
  [{ inSyncUntil: null }, 'confirmed'],
  [{ inSync: 'stale' }, 'stale since 2026-11-24 03:00Z'],
  [{ inSync: 'failing' }, 'failing, last confirmed 2026-11-22 03:00Z'],
  [{ inSync: 'differs' }, 'differs, last confirmed 2026-11-22 03:00Z'],
  [{ inSync: 'unknown', clocks: { checkedAt: null } }, 'unknown'],
])('whether %j is in sync is told as %s', (more, words) => {
  expect(inSyncWords(answers(more))).toBe(words);
});
