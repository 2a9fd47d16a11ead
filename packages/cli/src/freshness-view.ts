import type { Summary } from '@songhua/contracts';
import { count } from './format.js';

/** The answers to the two questions of a dataset, as the catalog service gives them; times in ISO 8601. */
export interface Answers {
  freshness: string;
  dueAt: string | null;
  lateSince: string | null;
  inSync: string;
  inSyncUntil: string | null;
  clocks: { checkedAt: string | null };
}

/** `2026-11-23T03:00:12.345Z` → `2026-11-23 03:00Z`. */
const minute = (time: string): string => `${time.slice(0, 16).replace('T', ' ')}Z`;

/** Does the source keep its promise, and since or until when? */
export function freshnessWords({ freshness, dueAt, lateSince }: Answers): string {
  if (lateSince !== null)
    return freshness === 'overdue'
      ? `overdue since ${minute(lateSince)}`
      : `${freshness}, overdue since ${minute(lateSince)}`;
  if (dueAt === null) return freshness;
  return freshness === 'due' ? `due since ${minute(dueAt)}` : `${freshness}, due ${minute(dueAt)}`;
}

/** Is what we serve the same as the source, and since or until when? */
export function inSyncWords({ inSync, inSyncUntil, clocks: { checkedAt } }: Answers): string {
  const confirmed = checkedAt === null ? 'never confirmed' : `last confirmed ${minute(checkedAt)}`;
  switch (inSync) {
    case 'confirmed':
      return inSyncUntil === null ? inSync : `confirmed until ${minute(inSyncUntil)}`;
    case 'stale':
      return inSyncUntil === null ? inSync : `stale since ${minute(inSyncUntil)}`;
    case 'unknown':
      return inSync;
    default:
      return `${inSync}, ${confirmed}`;
  }
}

/** `fresh 12, due 3`: how many datasets are in which state. */
export const countsLine = (counts: Summary['freshness'] | Summary['inSync']): string =>
  Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([state, n]) => `${state} ${count(n)}`)
    .join(', ');
