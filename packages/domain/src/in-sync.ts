import type { Clocks } from './freshness.js';
import { type Frequency, NO_MORE_CHANGES, thresholdsOf } from './promise.js';

/**
 * Is what we serve the same as the source? `confirmed`: at the last look, and that is not long ago. `differs`: the source has something
 * else, which waits for a person, was refused or rolled back by one, or changed rules have not been applied to all of it yet. `failing`:
 * the last look failed, so nobody knows. `stale`: nobody has looked for
 * too long. `unknown`: nothing is served yet, or the dataset is retired.
 */
export const IN_SYNC_STATES = ['confirmed', 'differs', 'failing', 'stale', 'unknown'] as const;
export type InSync = (typeof IN_SYNC_STATES)[number];

/** What the last look at a source that came to an end said. */
export type LastLook = 'same' | 'differs' | 'failed';

/** How a dataset's source is looked at. */
export interface Looks {
  frequency: Frequency;
  retired: boolean;
  last: LastLook | null;
  /** The longest wait between two slots of the schedule, in seconds; null without one, when the source is pushed or asked by hand. */
  wait: number | null;
}

export interface InSyncUntil {
  state: InSync;
  /** How long the last confirmation holds, or held; null without one, or when it holds for good. */
  until: Date | null;
}

// Nothing says how often to look: without a schedule, and without a period that was promised.
const UNSAID_SECONDS = 30 * 86_400;
// One slot may be late or fail; of two that passed nothing was heard.
const WAITS = 2;

/** Whether what is served is the same as the source, at `now`. */
export function inSync(looks: Looks, { checkedAt, dataChangedAt }: Clocks, now: Date): InSyncUntil {
  if (looks.retired || dataChangedAt === null || checkedAt === null) return { state: 'unknown', until: null };
  const seconds = holdsFor(looks);
  const until = seconds === null ? null : new Date(checkedAt.getTime() + seconds * 1000);
  if (looks.last === 'differs') return { state: 'differs', until };
  if (looks.last === 'failed') return { state: 'failing', until };
  return { state: until !== null && now >= until ? 'stale' : 'confirmed', until };
}

/** How long a confirmation holds, in seconds: while the source is looked at as scheduled, and no longer than its promise is not late. */
function holdsFor({ frequency, wait }: Looks): number | null {
  const promised = thresholdsOf(frequency)?.overdue ?? null;
  const scheduled = wait === null ? null : WAITS * wait;
  if (promised !== null && scheduled !== null) return Math.min(promised, scheduled);
  return promised ?? scheduled ?? (NO_MORE_CHANGES.includes(frequency) ? null : UNSAID_SECONDS);
}
