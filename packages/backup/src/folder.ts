import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { codeOf } from '@songhua/domain';
import { backupError } from './errors.js';
import { type Backup, backupSchema, type KeptObject, keptObjectSchema } from './record.js';

/*
 * backup.json                    the whole backup that the folder holds
 * cuts/<id>/tables/<name>.gz     rows of one moment
 * cuts/<id>/objects.ndjson.gz    which objects belong to it
 * objects/<xx>/<sha256>          contents, shared by this backup and the next
 */
const RECORD = 'backup.json';

/** Readable by its owner only: rows that were not screened yet, and hashes of keys, are in it. */
const OWNER_ONLY = 0o700;

export const cutFolder = (root: string, id: string): string => join(root, 'cuts', id);
export const tableFile = (root: string, id: string, table: string): string =>
  join(cutFolder(root, id), 'tables', `${table}.gz`);
export const objectsFile = (root: string, id: string): string => join(cutFolder(root, id), 'objects.ndjson.gz');
export const objectFile = (root: string, sha256: string): string => join(root, 'objects', sha256.slice(0, 2), sha256);

/** The backup that the folder holds. Throws `backup.missing` and `backup.format`. */
export async function readBackup(root: string): Promise<Backup> {
  const found = await findBackup(root);
  if (found) return found;
  throw backupError(
    'backup.missing',
    `${root} holds no whole backup: there is no ${RECORD} in it, which is written last; name the folder that "songhua backup --to" was given`,
  );
}

/** The same, or undefined where there is none. */
export async function findBackup(root: string): Promise<Backup | undefined> {
  const path = join(root, RECORD);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw backupError('backup.folder', `${path} cannot be read (${String(error)})`, error);
  });
  if (text === undefined) return undefined;
  try {
    return backupSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw backupError(
      'backup.format',
      `${path} is not one that this release reads: use the release that wrote it`,
      cause,
    );
  }
}

/** Makes the folders of another backup. Throws `backup.folder`, also when the folder is full of something else. */
export async function openCut(root: string, id: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true, mode: OWNER_ONLY });
    const others = (await readdir(root)).filter((name) => ![RECORD, `${RECORD}.new`, 'cuts', 'objects'].includes(name));
    if (others.length > 0)
      throw backupError(
        'backup.folder',
        `${root} has ${others[0]} in it: name a folder that is empty or holds a backup`,
      );
    await mkdir(join(cutFolder(root, id), 'tables'), { recursive: true, mode: OWNER_ONLY });
  } catch (error) {
    if (codeOf(error)?.startsWith('backup.')) throw error;
    throw backupError(
      'backup.folder',
      `${root} cannot be written (${String(error)}); make room or name another`,
      error,
    );
  }
}

/** Makes `backup` the one that the folder holds, all at once, and removes what only earlier ones had. */
export async function commitBackup(root: string, backup: Backup, begun: Date): Promise<void> {
  const path = join(root, RECORD);
  await writeFile(`${path}.new`, `${JSON.stringify(backup, null, 2)}\n`, { mode: 0o600 });
  await settleFile(`${path}.new`);
  await rename(`${path}.new`, path);
  await settleFile(root);
  for (const id of await readdir(join(root, 'cuts')))
    if (id !== backup.id) await rm(cutFolder(root, id), { recursive: true, force: true });
  const objects = join(root, 'objects');
  for (const shelf of await readdir(objects).catch(() => []))
    for (const name of await readdir(join(objects, shelf))) {
      const kept = join(objects, shelf, name);
      if ((await stat(kept)).mtimeMs < begun.getTime()) await rm(kept, { force: true });
    }
}

/** Whether the content is there already; if so it is marked as one of the backup that began then. */
export async function keepKnown(
  root: string,
  content: { sha256: string; bytes: number },
  begun: Date,
): Promise<boolean> {
  const path = objectFile(root, content.sha256);
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== content.bytes) return false;
  await utimes(path, begun, begun);
  return true;
}

/** Puts a downloaded file where its hash says, marked as one of the backup that began then. */
export async function keepFile(root: string, path: string, sha256: string, begun: Date): Promise<void> {
  const place = objectFile(root, sha256);
  await mkdir(join(root, 'objects', sha256.slice(0, 2)), { recursive: true, mode: OWNER_ONLY });
  await utimes(path, begun, begun);
  await settleFile(path);
  await rename(path, place);
}

/** Compresses a stream to a file; what arrived there. */
export async function writeGzip(
  path: string,
  from: NodeJS.ReadableStream | AsyncIterable<string>,
): Promise<{ bytes: number; sha256: string }> {
  await pipeline(from, createGzip(), createWriteStream(path, { mode: 0o600 }));
  await settleFile(path);
  return hashFile(path);
}

/** The content of a gzip file of the backup. */
export function readGzip(path: string): NodeJS.ReadableStream {
  const file = createReadStream(path);
  const content = createGunzip();
  file.on('error', (error) => content.destroy(error));
  return file.pipe(content);
}

export async function* readObjects(root: string, id: string): AsyncGenerator<KeptObject> {
  for await (const line of createInterface({
    input: readGzip(objectsFile(root, id)),
    crlfDelay: Number.POSITIVE_INFINITY,
  }))
    yield keptObjectSchema.parse(JSON.parse(line));
}

export async function hashFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** What was written is on the disk, and not only promised to be. */
async function settleFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
