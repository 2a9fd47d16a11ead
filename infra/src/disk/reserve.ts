import { randomFillSync } from 'node:crypto';
import { rmSync, statSync, truncateSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { isNoSpace } from './space.js';

const MIB = 1024 ** 2;
/** Enough for the state, the logs that explain a full disk, and the first steps of an engine that recovers. */
export const RESERVE_BYTES = 64 * MIB;
/** Given back piece by piece, because whoever filled the disk takes what it gets. */
const PIECE_BYTES = 8 * MIB;
const CHUNK_BYTES = MIB;

/** A file that keeps room on a disk until the room is needed. */
export interface Reserve {
  /** Bytes that it keeps now. */
  heldBytes(): number;
  /** Gives one piece back; false when there is none left. */
  release(): boolean;
  /** Gives everything back. */
  releaseAll(): void;
  /** Fills it up again where `freeBytes` leave as much as it keeps; false when that was tried and the disk refused it. */
  take(freeBytes: number): Promise<boolean>;
  /** Runs a write, and once more with a piece of the reserve when there is no space for it. */
  withRoom<T>(write: () => T): T;
}

/** @param path the file; made by `take`, kept from one start to the next. */
export function createReserve(path: string, bytes = RESERVE_BYTES): Reserve {
  let releases = 0;
  const heldBytes = (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const release = (): boolean => {
    const held = heldBytes();
    if (held === 0) return false;
    releases += 1;
    truncateSync(path, Math.max(0, held - Math.min(PIECE_BYTES, bytes)));
    return true;
  };
  return {
    heldBytes,
    release,
    releaseAll: () => {
      releases += 1;
      rmSync(path, { force: true });
    },
    take: async (freeBytes) => {
      const before = heldBytes();
      if (before >= bytes || freeBytes - (bytes - before) < bytes) return true;
      // Not zeros: a file system that compresses would keep no room for them.
      const chunk = randomFillSync(Buffer.allocUnsafe(Math.min(CHUNK_BYTES, bytes)));
      const began = releases;
      try {
        while (heldBytes() < bytes && releases === began) await appendFile(path, chunk, { mode: 0o600 });
        return true;
      } catch {
        // A quota, say, of which the free bytes of the disk know nothing.
        if (releases === began) truncateSync(path, before);
        return false;
      }
    },
    withRoom: (write) => {
      try {
        return write();
      } catch (error) {
        if (!isNoSpace(error) || !release()) throw error;
        return write();
      }
    },
  };
}
