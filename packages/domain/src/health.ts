import type { Reason } from './errors.js';

/** How one sync of a connector ended, refresh included; without a reason it went well. */
export interface SyncEnd {
  at: Date;
  reason: Reason | null;
}

export interface HealthPolicy {
  /** Failures in a row that only the department can mend, after which a connector is suspended. */
  suspendAfter: number;
  /** A connector that fails for the department's reasons this long is suspended, whatever they are. */
  suspendAfterMs: number;
  /** How long a source is left alone after its first failure; doubles with every other one. */
  firstWaitMs: number;
}

/** `failing`: goes on by its schedule. `waiting`: is left alone until `until`. `suspend`: fails for good. */
export type Health =
  | { state: 'well' }
  | ({ state: 'failing' } & Failure)
  | ({ state: 'waiting'; until: Date; rateLimited: boolean } & Failure)
  | ({ state: 'suspend' } & Failure);

interface Failure {
  /** In a row. */
  failures: number;
  since: Date;
  reason: Reason;
}

// A source that comes back in the morning is read before noon.
const LONGEST_WAIT_MS = 6 * 3_600_000;
// An engine that comes back finds every connector at work again within this, and not many failures of each.
const LONGEST_PLATFORM_WAIT_MS = 10 * 60_000;
// A source may ask for more than that, but not put its connector to sleep for good.
const LONGEST_ASKED_MS = 24 * 3_600_000;
// Two slots of a yearly schedule are not yet a habit.
const FEWEST_FAILURES = 3;

export const RATE_LIMITED = 'source.rate-limited';

/**
 * The health that the ends of a connector's syncs, newest first, are evidence of. Failures of the platform and the operator neither count
 * against the department nor for it. `jitter` from 0 to 1 spreads the waits of connectors that failed together; the same for the same end,
 * so that every replica comes to the same answer.
 */
export function healthOf(ends: readonly SyncEnd[], policy: HealthPolicy, jitter: number): Health {
  const streak = streakOf(ends);
  const [last] = streak;
  if (!last) return { state: 'well' };
  const { reason } = last;
  const failure: Failure = { failures: streak.length, since: streak.at(-1)?.at ?? last.at, reason };
  const own = streak.filter((end) => end.reason.actor === 'department');
  if (reason.actor === 'department' && failsForGood(own, policy)) return { ...failure, state: 'suspend' };
  if (!reason.retryable) return { ...failure, state: 'failing' };
  const until = new Date(last.at.getTime() + waitOf(streak, policy.firstWaitMs, jitter));
  return { ...failure, state: 'waiting', until, rateLimited: reason.code === RATE_LIMITED };
}

type Failed = SyncEnd & { reason: Reason };

function streakOf(ends: readonly SyncEnd[]): Failed[] {
  const streak: Failed[] = [];
  for (const { at, reason } of ends) {
    if (!reason) break;
    streak.push({ at, reason });
  }
  return streak;
}

/** `own`: the department's failures, newest first. */
function failsForGood(own: readonly Failed[], { suspendAfter, suspendAfterMs }: HealthPolicy): boolean {
  const lasting = own.findIndex(({ reason }) => reason.retryable);
  if ((lasting < 0 ? own.length : lasting) >= suspendAfter) return true;
  const [newest, oldest] = [own[0], own.at(-1)];
  if (!newest || !oldest || own.length < Math.min(FEWEST_FAILURES, suspendAfter)) return false;
  return newest.at.getTime() - oldest.at.getTime() >= suspendAfterMs;
}

/**
 * Doubles with every failure in a row, half of it by chance; never less than the source asked for. What the platform failed at is no
 * reason to leave a source alone for long.
 */
function waitOf(streak: readonly Failed[], firstWaitMs: number, jitter: number): number {
  const doubled = firstWaitMs * 2 ** Math.min(streak.length - 1, 30);
  const longest = streak[0]?.reason.actor === 'department' ? LONGEST_WAIT_MS : LONGEST_PLATFORM_WAIT_MS;
  const wait = Math.min(longest, doubled) * (0.5 + jitter / 2);
  const asked = (streak[0]?.reason.retryAfterSeconds ?? 0) * 1000;
  return Math.max(wait, Math.min(LONGEST_ASKED_MS, asked));
}
