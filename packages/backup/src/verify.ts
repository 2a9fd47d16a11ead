import { readFile, stat } from 'node:fs/promises';
import { createCatalog } from '@songhua/catalog';
import { openSnapshot } from '@songhua/catalog/backup';
import { type AuditVerdict, manifestSchema } from '@songhua/contracts';
import { codeOf, unaccounted } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import { concurrently } from './concurrent.js';
import { hashFile, objectFile, readBackup, readGzip, readObjects, tableFile } from './folder.js';
import { PATIENCE } from './keep.js';
import { objectsOf, objectsOfVersion } from './named.js';
import type { KeptObject, Problem } from './record.js';
import { hashObject } from './restore.js';

const WIDTH = 6; // as for a backup

export interface Verdict {
  ok: boolean;
  /** Whose files are all there with their hashes. */
  versions: number;
  /** Datasets whose current version is one of those. */
  current: number;
  objects: number;
  bytes: number;
  audit?: AuditVerdict;
  problems: Problem[];
}

/**
 * Holds what was restored from `from` against the backup and against itself: every object has its hash, every version the files of its
 * manifest, every current pointer such a version, and the audit log is the one that was saved. Nothing may have been published since.
 */
export async function verifyRestored(options: {
  databaseUrl: string;
  store: ObjectStore;
  from: string;
  onProgress?: (text: string) => void;
}): Promise<Verdict> {
  const { databaseUrl, store, from: root, onProgress = () => undefined } = options;
  const backup = await readBackup(root);
  const verdict: Verdict = { ok: false, versions: 0, current: 0, objects: 0, bytes: 0, problems: [...backup.problems] };
  const held = concurrently(readObjects(root, backup.id), WIDTH, (object) =>
    retry(() => holdAgainst(object, () => hashObject(store, object.key)), PATIENCE),
  );
  for await (const { object, problem } of held) {
    count(verdict, object, problem);
    onProgress(`${verdict.objects} of ${backup.objects.count} objects`);
  }
  await verifyNamed(databaseUrl, store, verdict);
  const catalog = createCatalog({ databaseUrl, poolSize: 1 });
  try {
    verdict.audit = await catalog.audit.verify([backup.audit]);
  } finally {
    await catalog.close();
  }
  return concluded(verdict, verdict.audit.ok);
}

/** Holds a backup folder against itself, without any engine: rows, objects, and the files of every manifest. */
export async function checkBackup(
  from: string,
  onProgress: (text: string) => void = () => undefined,
): Promise<Verdict> {
  const backup = await readBackup(from);
  const verdict: Verdict = { ok: false, versions: 0, current: 0, objects: 0, bytes: 0, problems: [...backup.problems] };
  for (const table of backup.tables) {
    const path = tableFile(from, backup.id, table.name);
    const found = await hashFile(path).catch(() => undefined);
    const message =
      found?.sha256 !== table.sha256
        ? `${path} is not as it was written`
        : (await countRows(path)) !== table.rows
          ? `${path} does not have its ${table.rows} rows`
          : undefined;
    if (message) verdict.problems.push({ key: table.name, problem: 'damaged', message });
  }
  const held = concurrently(readObjects(from, backup.id), WIDTH, async (object) => {
    const result = await holdAgainst(object, async () => (await hashFile(objectFile(from, object.sha256))).sha256);
    return { ...result, ...(object.kind === 'manifest' && !result.problem && (await checkManifest(from, object))) };
  });
  for await (const { object, problem, version } of held as AsyncIterable<Held & { version?: boolean }>) {
    count(verdict, object, problem);
    if (version) verdict.versions++;
    onProgress(`${verdict.objects} of ${backup.objects.count} objects`);
  }
  if (verdict.objects !== backup.objects.count)
    verdict.problems.push({
      key: 'objects',
      problem: 'missing',
      message: `the list names ${verdict.objects} objects and not ${backup.objects.count}`,
    });
  return concluded(verdict, true);
}

interface Held {
  object: KeptObject;
  problem?: Problem;
}

async function holdAgainst(object: KeptObject, hash: () => Promise<string>): Promise<Held> {
  const { key, sha256 } = object;
  try {
    const found = await hash();
    if (found === sha256) return { object };
    return { object, problem: { key, problem: 'damaged', message: `${key} has the hash ${found} and not ${sha256}` } };
  } catch (error) {
    if (codeOf(error) !== 'object.missing' && codeOf(error) !== 'ENOENT') throw error;
    return { object, problem: { key, problem: 'missing', message: `${key} is not there` } };
  }
}

/** Whatever the catalog says is there; contents were held against their hashes before. */
async function verifyNamed(databaseUrl: string, store: ObjectStore, verdict: Verdict): Promise<void> {
  const snapshot = await openSnapshot(databaseUrl);
  const missing = async (objects: { key: string; bytes: number | null; needed: boolean }[]): Promise<Problem[]> => {
    const problems: Problem[] = [];
    for (const { key, bytes, needed } of objects) {
      const there = needed ? await retry(() => store.stat(key), PATIENCE) : undefined;
      if (needed && (!there || (bytes !== null && there.bytes !== bytes)))
        problems.push({ key, problem: 'missing', message: `${key} is not there as the catalog names it` });
    }
    return problems;
  };
  try {
    for await (const { version, problems } of concurrently(snapshot.versions(), WIDTH, async (version) => {
      const { objects, problems } = await objectsOfVersion(store, version);
      return { version, problems: [...problems, ...(await missing(objects))] };
    })) {
      verdict.problems.push(...problems);
      if (problems.length > 0 || version.removed) continue;
      verdict.versions++;
      if (version.current) verdict.current++;
    }
    for await (const problems of concurrently(snapshot.objects(), WIDTH, async (named) =>
      missing(await objectsOf(store, named)),
    ))
      verdict.problems.push(...problems);
    await snapshot.release();
  } finally {
    await snapshot.close();
  }
}

/** A manifest of the folder: it is understood, its rows are accounted for, and its files are there. */
async function checkManifest(
  root: string,
  { key, sha256 }: KeptObject,
): Promise<{ version: boolean; problem?: Problem }> {
  const manifest = manifestSchema.safeParse(JSON.parse(await readFile(objectFile(root, sha256), 'utf8')));
  const wrong = (message: string): { version: boolean; problem: Problem } => ({
    version: false,
    problem: { key, problem: 'disagrees', message: `${key}: ${message}` },
  });
  if (!manifest.success) return wrong('it cannot be understood');
  if (unaccounted(manifest.data.counts) !== 0) return wrong('rows are unaccounted for');
  for (const file of manifest.data.files) {
    // Its content was, or will be, held against its hash as an object of its own.
    const found = await stat(objectFile(root, file.sha256)).catch(() => undefined);
    if (found?.size !== file.bytes) return wrong(`${file.name} is not there as it says`);
  }
  return { version: true };
}

/** Lines of the text format of COPY: a line break within a value is escaped. */
async function countRows(path: string): Promise<number> {
  let rows = 0;
  for await (const chunk of readGzip(path) as AsyncIterable<Buffer>) for (const byte of chunk) if (byte === 10) rows++;
  return rows;
}

function count(verdict: Verdict, object: KeptObject, problem: Problem | undefined): void {
  verdict.objects++;
  verdict.bytes += object.bytes;
  if (problem) verdict.problems.push(problem);
}

function concluded(verdict: Verdict, audit: boolean): Verdict {
  const problems = [...new Map(verdict.problems.map((problem) => [problem.key, problem])).values()];
  return { ...verdict, problems, ok: audit && problems.length === 0 };
}
