import { blankReport } from '@songhua/catalog/catalog';
import { type CollectionReport, MOST_LISTED, type ObjectKind } from '@songhua/contracts';
import type { ObjectInfo } from '@songhua/object-store';

// Enough to see what somebody put into the bucket.
const MOST_UNKNOWN = 100;
const MOST_PROBLEMS = 100;

/** What a collection has seen so far, in a size that does not grow with the bucket. */
export interface Tally {
  report: CollectionReport;
  /** Objects looked at. */
  seen: number;
  removed(kind: ObjectKind, object: Pick<ObjectInfo, 'key' | 'bytes'>, why: string): void;
  kept(kind: ObjectKind, object: Pick<ObjectInfo, 'bytes'>): void;
  unknown(object: Pick<ObjectInfo, 'key' | 'bytes'>): void;
  listed(what: string, why: string, bytes: number): void;
  /** Once, however often it is found. */
  problem(text: string): void;
}

export function createTally(): Tally {
  const report = blankReport();
  const grow = <K extends string>(
    sizes: Partial<Record<K, { objects: number; bytes: number }>>,
    key: K,
    bytes: number,
  ) => {
    const size = sizes[key] ?? { objects: 0, bytes: 0 };
    sizes[key] = { objects: size.objects + 1, bytes: size.bytes + bytes };
  };
  const tally: Tally = {
    report,
    seen: 0,
    removed(kind, { key, bytes }, why) {
      tally.seen++;
      grow(report.removed, kind, bytes);
      grow(report.reasons, why, bytes);
      tally.listed(key, why, bytes);
    },
    kept(kind, { bytes }) {
      tally.seen++;
      grow(report.kept, kind, bytes);
    },
    unknown({ key, bytes }) {
      tally.seen++;
      report.unknown.objects++;
      report.unknown.bytes += bytes;
      if (report.unknown.keys.length < MOST_UNKNOWN) report.unknown.keys.push(key);
    },
    listed(what, why, bytes) {
      if (report.items.length < MOST_LISTED) report.items.push({ what, why, bytes });
    },
    problem(text) {
      if (report.problems.length < MOST_PROBLEMS && !report.problems.includes(text)) report.problems.push(text);
    },
  };
  return tally;
}
