/** A change as far as snapshots and truncates matter. */
export interface Event {
  partition: number;
  offset: bigint;
  /** Milliseconds; grows over all partitions, in the order in which the changes were written. */
  at: number;
  kind: 'stream' | 'snapshot' | 'truncate';
  marker?: 'first' | 'last' | undefined;
}

/** A place in the log: exact in its own partition, in the others the first message that is not older. */
export interface Place {
  at: number;
  partition: number;
  offset: bigint;
}

const NO_PARTITION = -1;

/** What earlier reads delivered last. */
export interface Before {
  /** Partitions whose last change was of a snapshot. */
  inSnapshot: ReadonlySet<number>;
  /** A snapshot had begun whose end was not marked. */
  open: boolean;
}

export interface Verdict {
  /** What was before it is gone. */
  cut?: Place | undefined;
  /** What comes from here on is for a later read: a snapshot that is not complete. */
  end?: Place | undefined;
  /** For the next read: whether a snapshot is still open at the end. */
  open: boolean;
}

export interface Rounds {
  /** In each partition in the order of its offsets. */
  note(event: Event): void;
  /** Only changes of the stream were noted, so that a read may stop anywhere. */
  onlyStream(): boolean;
  verdict(now: number, quietMs: number): Verdict;
}

/**
 * Finds snapshot rounds. A new snapshot replaces the table, because rows that were deleted while Debezium was down send no change. It
 * begins at the newest event that is marked as its first; without marks, at the earliest of the partitions' last changes from stream to
 * snapshot. It is complete when an event is marked as its last, a stream change is newer than its beginning, or nothing came for a while.
 */
export function createRounds(before: Before): Rounds {
  const marks: (Place & { marker: 'first' | 'last' })[] = [];
  const truncates: Place[] = [];
  const inSnapshot = new Set(before.inSnapshot);
  // Of each partition the last change from stream to snapshot, or where its snapshot changes begin.
  const begun = new Map<number, Place>();
  let newest = Number.NEGATIVE_INFINITY;
  let newestStream = Number.NEGATIVE_INFINITY;
  let oldestStream = Number.POSITIVE_INFINITY;
  let newestSnapshot = Number.NEGATIVE_INFINITY;

  /** `start` of the newest snapshot; `held`: of the first of those that broke off before it, or its own. */
  const walk = (): { start: Place | undefined; held: Place | undefined; open: boolean } => {
    let start: Place | undefined;
    let held: Place | undefined;
    let { open } = before;
    for (const mark of marks.toSorted((a, b) => a.at - b.at || (a.marker < b.marker ? -1 : 1))) {
      // A snapshot of one row has only a last one.
      if (mark.marker === 'first' || !open) {
        start = mark;
        held = open && held ? held : mark;
      }
      open = mark.marker === 'first';
    }
    if (marks.length > 0) return { start, held, open };
    if (before.open) {
      // What goes on with the open snapshot begins no other one; what comes after changes of the stream does.
      if (newestSnapshot <= oldestStream) return { start, held, open };
      start = { at: oldestStream, partition: NO_PARTITION, offset: 0n };
    } else for (const place of begun.values()) if (start === undefined || place.at < start.at) start = place;
    open ||= start !== undefined;
    return { start, held: start, open };
  };
  const isOpen = ({ start, open }: ReturnType<typeof walk>): boolean =>
    open && begun.size > 0 && !(newestStream > (start?.at ?? Number.NEGATIVE_INFINITY));

  return {
    note({ partition, offset, at, kind, marker }) {
      newest = Math.max(newest, at);
      const place = { at, partition, offset };
      if (kind === 'truncate') truncates.push(place);
      if (kind !== 'snapshot') {
        newestStream = Math.max(newestStream, at);
        oldestStream = Math.min(oldestStream, at);
        inSnapshot.delete(partition);
        return;
      }
      newestSnapshot = Math.max(newestSnapshot, at);
      if (!inSnapshot.has(partition) || !begun.has(partition)) begun.set(partition, place);
      inSnapshot.add(partition);
      if (marker) marks.push({ ...place, marker });
    },
    onlyStream: () => begun.size === 0 && truncates.length === 0,
    verdict(now, quietMs) {
      const walked = walk();
      const { start } = walked;
      const open = isOpen(walked) || (walked.open && begun.size === 0 && newestStream === Number.NEGATIVE_INFINITY);
      const incomplete = start !== undefined && isOpen(walked) && now - newest < quietMs;
      const end = incomplete ? walked.held : undefined;
      const cuts = truncates.filter(({ at }) => end === undefined || at < end.at);
      if (start && !incomplete) cuts.push(start);
      const cut = cuts.reduce<Place | undefined>((a, b) => (a === undefined || b.at >= a.at ? b : a), undefined);
      return { cut, end, open: incomplete ? before.open : open };
    },
  };
}

/** Whether a message lies at a place or behind it. */
export const reached = (place: Place, message: { partition: number; offset: bigint; at: number }): boolean =>
  message.partition === place.partition ? message.offset >= place.offset : message.at >= place.at;
