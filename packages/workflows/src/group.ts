import type { LaneReference } from '@songhua/contracts/refresh';

// Starting an activity costs the server about 15 ms of CPU, and a small refresh costs about as much. Shared by this many, the start is about
// a millisecond each; when a worker dies, at most this many are refreshed again.
const GROUP_SIZE = 16;
// A sync beyond this is worth an activity, and a retry, of its own.
const SMALL_BYTES = 4 * 1024 * 1024;
const GROUP_BYTES = 8 * 1024 * 1024;

/**
 * Removes from `pending` and returns what one activity is to refresh next, in order of arrival: one large sync, or several small ones. Syncs of
 * datasets in `busy` stay. Of each other dataset only its first sync is taken, so that its syncs keep their order. Empty when every
 * dataset that has a sync in `pending` is busy. What is to be `alone`, as it may have ended a worker, shares its activity with nobody.
 */
export function takeGroup<Reference extends LaneReference>(
  pending: Reference[],
  busy: ReadonlySet<string>,
  alone: (sync: Reference) => boolean = () => false,
): Reference[] {
  const group: Reference[] = [];
  const seen = new Set(busy);
  let bytes = 0;
  for (const sync of pending) {
    const blocked = seen.has(sync.datasetId);
    seen.add(sync.datasetId);
    if (blocked) continue;
    const small = sync.bytes <= SMALL_BYTES && !alone(sync);
    if (group.length > 0 && (!small || bytes + sync.bytes > GROUP_BYTES)) continue;
    group.push(sync);
    bytes += sync.bytes;
    if (!small || group.length === GROUP_SIZE) break;
  }
  for (const sync of group) pending.splice(pending.indexOf(sync), 1);
  return group;
}
