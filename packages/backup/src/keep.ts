import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamedObject, NamedVersion } from '@songhua/catalog/backup';
import { landingManifestSchema, manifestSchema } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import type { z } from 'zod';
import { cutFolder, keepFile, keepKnown, objectFile } from './folder.js';
import { filesOf, manifestOf, partsOf, problemsOf } from './named.js';
import type { KeptObject, Problem } from './record.js';

// A store that restarts is away for seconds; a backup of hours does not begin anew for that.
export const PATIENCE = { tries: 8, baseMs: 250, maxMs: 15_000 };

export interface Keeping {
  store: ObjectStore;
  root: string;
  id: string;
  begun: Date;
  /** Manifests that the backup before has, by key: they are never written twice, so they are not read again. */
  known: ReadonlyMap<string, { sha256: string; bytes: number }>;
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
  if ('manifestKey' in named) {
    const judged = await keepManifest(at, named, kept);
    // A dataset that was deleted and made again may have other versions under the same keys.
    const { manifest, problems } =
      judged.problems.length > 0 ? await keepManifest({ ...at, known: new Map() }, named, kept) : judged;
    kept.problems.push(...problems);
    for (const file of filesOf(named)) kept.objects.push(...list(await keepOne(at, file, kept)));
    kept.objects.push(...list(manifest));
    return kept;
  }
  const object = await keepOne(at, named, kept);
  if (named.kind === 'landing' && object)
    for (const part of partsOf(named, await parsed(at, object, landingManifestSchema)))
      kept.objects.push(...list(await keepOne(at, part, kept)));
  kept.objects.push(...list(object));
  return kept;
}

async function keepManifest(at: Keeping, named: NamedVersion, kept: Kept) {
  const manifest = await keepOne(at, manifestOf(named), kept);
  const problems = manifest ? problemsOf(named, await parsed(at, manifest, manifestSchema)) : [];
  return { manifest, problems };
}

const list = <T>(one: T | undefined): T[] => (one === undefined ? [] : [one]);

/** What was kept, as JSON; null when it is not what it should be. */
async function parsed<T>(at: Keeping, { sha256 }: KeptObject, schema: z.ZodType<T>): Promise<T | null> {
  try {
    return schema.parse(JSON.parse(await readFile(objectFile(at.root, sha256), 'utf8')));
  } catch (error) {
    if (codeOf(error)) throw error;
    return null;
  }
}

async function keepOne(at: Keeping, object: NamedObject, kept: Kept): Promise<KeptObject | undefined> {
  const { key, kind, mediaType } = object;
  const known = at.known.get(key);
  const { sha256, bytes } = known ?? object;
  if (sha256 !== null && bytes !== null && (await keepKnown(at.root, { sha256, bytes }, at.begun)))
    return { key, kind, mediaType, bytes, sha256 };
  const path = join(cutFolder(at.root, at.id), `${randomBytes(8).toString('hex')}.part`);
  const arrived = await retry(() => at.store.download(key, path), PATIENCE).catch((error: unknown) => {
    if (codeOf(error) === 'object.missing') return undefined;
    throw error;
  });
  if (!arrived) {
    if (object.needed) kept.problems.push({ key, problem: 'missing', message: `${key} is not in the bucket` });
    else kept.gone++;
    return undefined;
  }
  if (object.sha256 !== null && arrived.sha256 !== object.sha256) {
    await rm(path, { force: true });
    const message = `${key} has the hash ${arrived.sha256} and not ${object.sha256} as when it was written`;
    kept.problems.push({ key, problem: 'damaged', message });
    return undefined;
  }
  await keepFile(at.root, path, arrived.sha256, at.begun);
  kept.copied.objects++;
  kept.copied.bytes += arrived.bytes;
  return { key, kind, mediaType, ...arrived };
}
