import { createHash } from 'node:crypto';
import { assertEmptyCatalog, type Loaded, loadCatalog } from '@songhua/catalog/backup';
import type { AuditHead } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import { concurrently } from './concurrent.js';
import { backupError } from './errors.js';
import { hashFile, objectFile, objectsFile, readBackup, readGzip, readObjects, tableFile } from './folder.js';
import { PATIENCE } from './keep.js';
import { auditHeads } from './named.js';
import type { Backup, KeptObject } from './record.js';
import { findUnaccepted, type Unaccepted } from './unaccepted.js';

const WIDTH = 6; // as for a backup

export interface RestoreOptions {
  databaseUrl: string;
  /** Its bucket is there; what is in it stays, and is harmless. */
  store: ObjectStore;
  /** CloudEvents `source` of the deployment. */
  eventSource: string;
  from: string;
  onProgress?: (stage: 'objects' | 'tables', text: string) => void;
}

export interface Restored extends Loaded {
  backup: Backup;
  /** Sent to the bucket; the others were there with their content. */
  sent: { objects: number; bytes: number };
  /** Heads of the lost audit log that are later than what came back. */
  lostHeads: AuditHead[];
  /** What the bucket has of pushes that the restored catalog does not know: their departments must send them again. */
  unaccepted: Unaccepted;
  seconds: number;
}

/**
 * Brings a backup back: first every object, then the catalog in one transaction, so that the catalog never names what is not there. Kafka
 * and Temporal need no data: syncs that were open go on by themselves, and current versions are announced again. Throws
 * `restore.not-empty`, `backup.damaged`, `backup.newer`, `backup.missing`; done again after a failure, it goes on.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { databaseUrl, store, from: root, onProgress = () => undefined } = options;
  const started = Date.now();
  const whole = await readBackup(root);
  await assertUndamaged(root, whole);
  await assertEmptyCatalog(databaseUrl);

  const sent = { objects: 0, bytes: 0 };
  let done = 0;
  for await (const bytes of concurrently(readObjects(root, whole.id), WIDTH, (object) =>
    bringBack(store, root, object),
  )) {
    if (bytes !== undefined) {
      sent.objects++;
      sent.bytes += bytes;
    }
    onProgress('objects', `${++done} of ${whole.objects.count}`);
  }
  if (done !== whole.objects.count)
    throw damaged(objectsFile(root, whole.id), `it names ${done} objects, and ${whole.objects.count} were kept`);

  // A log that goes on from an earlier row must not be held against later ones; that they were there stays on the record.
  const { beyond } = await auditHeads(store, whole.audit);
  await store.delete(beyond.map(({ key }) => key));
  const lostHeads = beyond.map(({ head }) => head);
  const loaded = await loadCatalog(
    databaseUrl,
    { cut: whole, tables: whole.tables, read: ({ name }) => readGzip(tableFile(root, whole.id, name)) },
    {
      eventSource: options.eventSource,
      audit: { backup: whole.id, at: whole.at, deployment: whole.deployment, head: whole.audit, lostHeads },
      onTable: (name, rows) => onProgress('tables', `${name}: ${rows} rows`),
    },
  );
  // The catalog is back: a store that restarts now must not make it look as if it were not.
  const unaccepted = await retry(() => findUnaccepted(databaseUrl, store), PATIENCE);
  return { backup: whole, sent, lostHeads, unaccepted, seconds: (Date.now() - started) / 1000, ...loaded };
}

/** Before anything is changed: what says which rows and objects there are is as it was written. */
async function assertUndamaged(root: string, whole: Backup): Promise<void> {
  const files = [
    ...whole.tables.map(({ name, sha256 }) => ({ path: tableFile(root, whole.id, name), sha256 })),
    { path: objectsFile(root, whole.id), sha256: whole.objects.sha256 },
  ];
  for (const { path, sha256 } of files) {
    const found = await hashFile(path).catch((error: unknown) => {
      throw damaged(path, `it cannot be read (${String(error)})`);
    });
    if (found.sha256 !== sha256) throw damaged(path, `its hash is ${found.sha256} and not ${sha256}`);
  }
}

/** The bytes sent, or undefined when the bucket had the very content. */
async function bringBack(store: ObjectStore, root: string, object: KeptObject): Promise<number | undefined> {
  const { key, bytes, sha256, mediaType } = object;
  return retry(async () => {
    const there = await store.stat(key);
    if (there?.bytes === bytes && (await hashObject(store, key)) === sha256) return undefined;
    const path = objectFile(root, sha256);
    const sent = await store.putFile(key, path, mediaType);
    if (sent.sha256 !== sha256) throw damaged(path, `its hash is ${sent.sha256}`);
    return bytes;
  }, PATIENCE);
}

/** Of the content as the store gives it back, hex. */
export async function hashObject(store: ObjectStore, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of (await store.read(key)) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

const damaged = (path: string, what: string): Error =>
  backupError(
    'backup.damaged',
    `${path}: ${what}; nothing of the catalog was restored, take another copy of the backup`,
  );
