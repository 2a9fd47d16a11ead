import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamedObject, NamedVersion } from '@songhua/catalog/backup';
import { codeOf } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import { cutFolder, keepFile, keepKnown } from './folder.js';
import { objectsOf, objectsOfVersion } from './named.js';
import type { KeptObject, Problem } from './record.js';

// A store that restarts is away for seconds; a backup of hours does not begin anew for that.
export const PATIENCE = { tries: 8, baseMs: 250, maxMs: 15_000 };

export interface Keeping {
  store: ObjectStore;
  root: string;
  id: string;
  begun: Date;
}

/** What became of one thing that the catalog names, with what it consists of. */
export interface Kept {
  objects: KeptObject[];
  problems: Problem[];
  /** Kept for a while only, and not there any more. */
  gone: number;
  copied: { objects: number; bytes: number };
}

/** Copies a version, or another named object, into the folder of the backup; what is there by its hash is not copied again. */
export async function keep(at: Keeping, named: NamedVersion | NamedObject): Promise<Kept> {
  const kept: Kept = { objects: [], problems: [], gone: 0, copied: { objects: 0, bytes: 0 } };
  const { objects, problems } = await retry(
    async () =>
      'manifestKey' in named
        ? objectsOfVersion(at.store, named)
        : { objects: await objectsOf(at.store, named), problems: [] },
    PATIENCE,
  );
  kept.problems.push(...problems);
  for (const object of objects) await keepOne(at, object, kept);
  return kept;
}

async function keepOne(at: Keeping, object: NamedObject, kept: Kept): Promise<void> {
  const { key, kind, mediaType, sha256, bytes } = object;
  if (sha256 !== null && bytes !== null && (await keepKnown(at.root, { sha256, bytes }, at.begun))) {
    kept.objects.push({ key, kind, mediaType, bytes, sha256 });
    return;
  }
  const path = join(cutFolder(at.root, at.id), `${randomBytes(8).toString('hex')}.part`);
  const arrived = await retry(() => at.store.download(key, path), PATIENCE).catch((error: unknown) => {
    if (codeOf(error) === 'object.missing') return undefined;
    throw error;
  });
  if (!arrived) {
    if (object.needed) kept.problems.push({ key, problem: 'missing', message: `${key} is not in the bucket` });
    else kept.gone++;
    return;
  }
  if (sha256 !== null && arrived.sha256 !== sha256) {
    await rm(path, { force: true });
    kept.problems.push({
      key,
      problem: 'damaged',
      message: `${key} has the hash ${arrived.sha256} and not ${sha256} as when it was written`,
    });
    return;
  }
  await keepFile(at.root, path, arrived.sha256, at.begun);
  kept.objects.push({ key, kind, mediaType, ...arrived });
  kept.copied.objects++;
  kept.copied.bytes += arrived.bytes;
}
