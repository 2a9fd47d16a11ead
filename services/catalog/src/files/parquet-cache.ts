import { mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestFile } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';

export interface ParquetCache {
  /** Runs `work` on a local, verified copy of `file`; the copy stays while `work` runs and as long as there is room afterwards. */
  use<T>(file: ManifestFile, work: (path: string) => Promise<T>): Promise<T>;
}

interface Copy {
  path: string;
  bytes: number;
  users: number;
  ready: Promise<void>;
}

/** Copies of published files on local disk: at most `maxBytes`, or what is in use when that is more; the least recently used goes first. */
export function createParquetCache(
  store: Pick<ObjectStore, 'download'>,
  directory: string,
  maxBytes: number,
): ParquetCache {
  // What an earlier process left behind may be half a file.
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // By SHA-256. A Map keeps insertion order; using a copy moves it to the end.
  const copies = new Map<string, Copy>();
  const removals = new Set<Promise<void>>();
  let total = 0;
  let downloads = 0;

  // Counted out in the same step in which it can no longer be found, so once. No later download has its path.
  const drop = (sha256: string, copy: Copy): void => {
    copies.delete(sha256);
    total -= copy.bytes;
    // What cannot be removed now is when the next process starts.
    const removal = rm(copy.path, { force: true })
      .catch(() => undefined)
      .finally(() => removals.delete(removal));
    removals.add(removal);
  };

  const makeRoom = async (): Promise<void> => {
    for (const [sha256, copy] of copies) {
      if (total <= maxBytes) break;
      if (copy.users === 0) drop(sha256, copy);
    }
    await Promise.all(removals);
  };

  const fill = async (file: ManifestFile, copy: Copy): Promise<void> => {
    try {
      await makeRoom();
      const { sha256 } = await store.download(file.key, copy.path);
      if (sha256 !== file.sha256)
        throw new SonghuaError(
          'object.corrupt',
          `${file.key} holds ${sha256}, its manifest says ${file.sha256}; it is not served, restore the object`,
          { actor: 'operator' },
        );
    } catch (error) {
      // The next one who asks tries afresh.
      drop(file.sha256, copy);
      throw error;
    }
  };

  const take = (file: ManifestFile): Copy => {
    const known = copies.get(file.sha256);
    const path = join(directory, `${file.sha256}-${downloads++}.parquet`);
    const copy = known ?? { path, bytes: file.bytes, users: 0, ready: Promise.resolve() };
    copies.delete(file.sha256);
    copies.set(file.sha256, copy);
    copy.users++;
    if (!known) {
      total += copy.bytes;
      copy.ready = fill(file, copy);
    }
    return copy;
  };

  return {
    async use(file, work) {
      const copy = take(file);
      try {
        await copy.ready;
        return await work(copy.path);
      } finally {
        copy.users--;
        await makeRoom();
      }
    },
  };
}
