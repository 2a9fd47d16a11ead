import type { LaneReference } from '@songhua/contracts/refresh';

// Starting an activity costs the server about 15 ms of CPU, a tiny refresh about as much: groups of this size make the start
// disappear, and losing a worker repeats at most this many.
const GROUP_SIZE = 16;
// A sync beyond this is worth an activity, and a retry, of its own.
const SMALL_BYTES = 4 * 1024 * 1024;
const GROUP_BYTES = 8 * 1024 * 1024;

/**
 * Takes from `pending` what one activity should refresh next, in order of arrival: one large sync, or a group of small ones.
 * Datasets in `busy` are passed over together with everything later of theirs, so a dataset's syncs keep their order and at most
 * one of them is in a group. Returns an empty list when nothing can start.
 */
export function takeGroup<Reference extends LaneReference>(
  pending: Reference[],
  busy: ReadonlySet<string>,
): Reference[] {
  const group: Reference[] = [];
  const seen = new Set(busy);
  let bytes = 0;
  for (const sync of pending) {
    const blocked = seen.has(sync.datasetId);
    seen.add(sync.datasetId);
    if (blocked) continue;
    const small = sync.bytes <= SMALL_BYTES;
    if (group.length > 0 && (!small || bytes + sync.bytes > GROUP_BYTES)) continue;
    group.push(sync);
    bytes += sync.bytes;
    if (!small || group.length === GROUP_SIZE) break;
  }
  for (const sync of group) pending.splice(pending.indexOf(sync), 1);
  return group;
}
