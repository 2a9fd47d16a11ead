import { statfsSync } from 'node:fs';
import { codeOf } from '@songhua/domain';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Room for a few minutes of the busiest engine, so that a person has time to act. */
const LOW_BYTES = 2 * GIB;
/** Of a larger disk a larger part, because more is written to it. */
const LOW_PART = 0.05;
/** Of a very large disk no more than this: 5 % of 4 TB is no shortage. */
const LOW_PART_MOST = 10 * GIB;
/** Less than this holds no state file and no log line for certain. */
const FULL_BYTES = MIB;

export interface DiskSpace {
  /** What a process without privileges can still write. */
  freeBytes: number;
  totalBytes: number;
}

export type DiskLevel = 'ok' | 'low' | 'full';

/** Free and total bytes of the disk that `path` is on; throws what the platform says when it cannot be asked. */
export function spaceOf(path: string): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Below how many free bytes a disk of this size is low. */
export function lowBytes(totalBytes: number): number {
  return Math.max(LOW_BYTES, Math.min(totalBytes * LOW_PART, LOW_PART_MOST));
}

/** `low`: somebody should make room. `full`: nothing can be written. */
export function levelOf({ freeBytes, totalBytes }: DiskSpace): DiskLevel {
  if (freeBytes < FULL_BYTES) return 'full';
  return freeBytes < lowBytes(totalBytes) ? 'low' : 'ok';
}

/** Whether a write failed because the disk, or the user's share of it, is full. */
export function isNoSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '');
}

/** Whether a write failed for a reason that lies in the disk and may pass: it is full, defective or read-only. */
export function isDiskFault(error: unknown): boolean {
  return isNoSpace(error) || ['EIO', 'EROFS'].includes(codeOf(error) ?? '');
}

/** Bytes as people read them on a disk. */
export function sizeText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
