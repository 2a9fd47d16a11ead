import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CatalogSnapshot, type NamedObject, type NamedVersion, openSnapshot } from '@songhua/catalog/backup';
import type { ObjectStore } from '@songhua/object-store';
import { concurrently } from './concurrent.js';
import {
  commitBackup,
  cutFolder,
  findBackup,
  objectsFile,
  openCut,
  readObjects,
  tableFile,
  writeGzip,
} from './folder.js';
import { type Keeping, keep } from './keep.js';
import { auditHeads } from './named.js';
import type { Backup, Problem } from './record.js';

// Downloads at once: enough to hide the store's answers, few enough to leave it to the services.
const WIDTH = 6;
const MOST_PROBLEMS = 1_000;
const MANIFESTS = new Set(['manifest', 'tombstone', 'landing']);

export interface BackupOptions {
  databaseUrl: string;
  store: ObjectStore;
  deployment: string;
  /** The folder; one that holds a backup has the new one in its place when that is whole. */
  to: string;
  onProgress?: (stage: 'wait' | 'tables' | 'objects', text: string) => void;
}

export interface BackupResult {
  backup: Backup;
  rows: number;
  /** The rest was there from the backup before. */
  copied: { objects: number; bytes: number };
  /** Named, kept for a while only and collected meanwhile. */
  gone: number;
  seconds: number;
}

/**
 * Saves the catalog as it is at one moment, then every object that it names at that moment, while services run and no collector does. The
 * bucket is read after the catalog, so the backup never names what it has not. What the bucket had lost before is told in `problems`; the
 * backup is whole otherwise. Throws SonghuaError.
 */
export async function backup(options: BackupOptions): Promise<BackupResult> {
  const { databaseUrl, store, to: root, onProgress = () => undefined } = options;
  const started = Date.now();
  // Whole seconds, as any file system keeps them: what is marked with it belongs to this backup.
  const begun = new Date(Math.floor(started / 1000) * 1000);
  const id = `${begun.toISOString().replace(/\D/g, '').slice(0, 14)}-${randomBytes(3).toString('hex')}`;
  const snapshot = await openSnapshot(databaseUrl, () =>
    onProgress('wait', 'until the collector, or another backup, is done'),
  );
  try {
    const { cut } = snapshot;
    await openCut(root, id);
    const tables: Backup['tables'] = [];
    for (const table of cut.tables) {
      const { stream, rows } = snapshot.copyOut(table);
      const written = await writeGzip(tableFile(root, id, table.name), stream);
      tables.push({ ...table, ...written, rows: rows() });
      onProgress('tables', `${tables.length} of ${cut.tables.length}`);
    }
    const named = join(cutFolder(root, id), 'named.ndjson');
    await pipeline(Readable.from(namedLines(snapshot)), createWriteStream(named, { mode: 0o600 }));
    await snapshot.release();

    const { covered } = await auditHeads(store, cut.audit);
    const totals = { count: 0, bytes: 0, gone: 0, copied: { objects: 0, bytes: 0 }, problems: [] as Problem[] };
    const at = { store, root, id, begun, known: await knownManifests(root) };
    const lines = keptLines(at, withHeads(named, covered), (kept) => {
      totals.count += kept.objects.length;
      for (const { bytes } of kept.objects) totals.bytes += bytes;
      totals.gone += kept.gone;
      totals.copied.objects += kept.copied.objects;
      totals.copied.bytes += kept.copied.bytes;
      if (totals.problems.length < MOST_PROBLEMS) totals.problems.push(...kept.problems);
      onProgress('objects', `${totals.count} kept, ${totals.copied.objects} of them copied`);
    });
    const list = await writeGzip(objectsFile(root, id), lines);
    await rm(named);
    const { migrations, numbered, audit, secrets, at: moment } = cut;
    const whole: Backup = {
      schema: 'songhua.backup/1',
      id,
      deployment: options.deployment,
      at: moment,
      finishedAt: new Date().toISOString(),
      migrations,
      tables,
      numbered,
      audit,
      totals: cut.totals,
      secrets,
      objects: { count: totals.count, bytes: totals.bytes, sha256: list.sha256 },
      problems: totals.problems.slice(0, MOST_PROBLEMS),
    };
    // The lock was held to here, or this fails.
    await snapshot.close();
    await commitBackup(root, whole, begun);
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    return { backup: whole, rows, copied: totals.copied, gone: totals.gone, seconds: (Date.now() - started) / 1000 };
  } catch (error) {
    await snapshot.close().catch(() => undefined);
    // The backup before stays the folder's.
    await rm(cutFolder(root, id), { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function knownManifests(root: string): Promise<Keeping['known']> {
  const before = await findBackup(root);
  const known = new Map<string, { sha256: string; bytes: number }>();
  if (before)
    for await (const { key, kind, sha256, bytes } of readObjects(root, before.id))
      if (MANIFESTS.has(kind)) known.set(key, { sha256, bytes });
  return known;
}

async function* namedLines(snapshot: CatalogSnapshot): AsyncGenerator<string> {
  for await (const version of snapshot.versions()) yield `${JSON.stringify(version)}\n`;
  for await (const object of snapshot.objects()) yield `${JSON.stringify(object)}\n`;
}

async function* withHeads(path: string, heads: NamedObject[]): AsyncGenerator<NamedVersion | NamedObject> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY }))
    yield JSON.parse(line) as NamedVersion | NamedObject;
  yield* heads;
}

async function* keptLines(
  at: Keeping,
  named: AsyncIterable<NamedVersion | NamedObject>,
  tell: (kept: Awaited<ReturnType<typeof keep>>) => void,
): AsyncGenerator<string> {
  for await (const kept of concurrently(named, WIDTH, (one) => keep(at, one))) {
    tell(kept);
    for (const object of kept.objects) yield `${JSON.stringify(object)}\n`;
  }
}
