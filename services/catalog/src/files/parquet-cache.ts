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

interface Entry {
  path: string;
  bytes: number;
  users: number;
  ready: Promise<void>;
}

/** Copies of published files on local disk, at most `maxBytes` beside those in use; the least recently used goes first. */
export function createParquetCache(store: ObjectStore, directory: string, maxBytes: number): ParquetCache {
  // What an earlier process left behind may be half a file.
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // A Map keeps insertion order; using an entry moves it to the end.
  const entries = new Map<string, Entry>();
  let total = 0;

  const fetchFile = async (file: ManifestFile, path: string): Promise<void> => {
    const { sha256 } = await store.download(file.key, path);
    if (sha256 !== file.sha256)
      throw new SonghuaError(
        'object.corrupt',
        `${file.key} holds ${sha256}, its manifest says ${file.sha256}; it is not served, restore the object`,
        { actor: 'operator' },
      );
  };

  const forget = async (sha256: string, entry: Entry): Promise<void> => {
    entries.delete(sha256);
    total -= entry.bytes;
    await rm(entry.path, { force: true });
  };

  const evict = async (): Promise<void> => {
    for (const [sha256, entry] of entries) {
      if (total <= maxBytes) return;
      if (entry.users === 0) await forget(sha256, entry);
    }
  };

  const open = (file: ManifestFile): Entry => {
    const known = entries.get(file.sha256);
    if (known) {
      entries.delete(file.sha256);
      entries.set(file.sha256, known);
      return known;
    }
    const path = join(directory, `${file.sha256}.parquet`);
    const entry: Entry = { path, bytes: file.bytes, users: 0, ready: fetchFile(file, path) };
    entries.set(file.sha256, entry);
    total += file.bytes;
    return entry;
  };

  return {
    async use(file, work) {
      const entry = open(file);
      entry.users++;
      try {
        await entry.ready;
        return await work(entry.path);
      } catch (error) {
        // A failed download must be tried afresh by the next one who asks.
        if (entries.get(file.sha256) === entry && (await failed(entry))) await forget(file.sha256, entry);
        throw error;
      } finally {
        entry.users--;
        await evict();
      }
    },
  };
}

const failed = (entry: Entry): Promise<boolean> =>
  entry.ready.then(
    () => false,
    () => true,
  );
