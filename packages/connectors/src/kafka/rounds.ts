/** A change as far as snapshots and truncates matter. */
export interface Event {
  partition: number;
  offset: bigint;
  /** Milliseconds, of Kafka. */
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
  const transitions = new Map<number, Place>();
  let newest = Number.NEGATIVE_INFINITY;
  let newestStream = Number.NEGATIVE_INFINITY;
  let oldestStream = Number.POSITIVE_INFINITY;
  let snapshots = false;

  const walk = (): { start: Place | undefined; open: boolean } => {
    let start: Place | undefined;
    let { open } = before;
    for (const mark of marks.toSorted((a, b) => a.at - b.at || (a.marker < b.marker ? -1 : 1))) {
      // A snapshot of one row has only a last one.
      if (mark.marker === 'first' || !open) start = mark;
      open = mark.marker === 'first';
    }
    if (marks.length > 0) return { start, open };
    // What goes on with an open snapshot begins no other one.
    const begun = [...transitions.values()].filter(({ at }) => !before.open || at > oldestStream);
    for (const place of begun) {
      if (start === undefined || place.at < start.at) start = place;
      open = true;
    }
    return { start, open };
  };
  const isOpen = ({ start, open }: ReturnType<typeof walk>): boolean =>
    open && snapshots && !(newestStream > (start?.at ?? Number.NEGATIVE_INFINITY));

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
      snapshots = true;
      if (!inSnapshot.has(partition)) transitions.set(partition, place);
      inSnapshot.add(partition);
      if (marker) marks.push({ ...place, marker });
    },
    onlyStream: () => !snapshots && truncates.length === 0,
    verdict(now, quietMs) {
      const walked = walk();
      const { start } = walked;
      const open = isOpen(walked) || (walked.open && !snapshots && newestStream === Number.NEGATIVE_INFINITY);
      const incomplete = start !== undefined && isOpen(walked) && now - newest < quietMs;
      const end = incomplete ? start : undefined;
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
