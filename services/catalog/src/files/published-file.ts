import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { VersionDetail } from '@songhua/catalog';
import { MAX_MANIFEST_BYTES } from '@songhua/contracts';
import type { Deps } from '../deps.js';
import { unknown } from '../http/problems.js';
import { kept } from './kept.js';
import { RENDERED_FILES } from './renders.js';

/** A file that can be served in whole or in part; `sha256` is of all its bytes. */
export interface PublishedFile {
  name: string;
  mediaType: string;
  bytes: number;
  sha256: string;
  open(range?: { start: number; end: number }): Promise<Readable>;
}

export const MANIFEST_FILE = 'manifest.json';

/** `file` of a version: from the version's manifest, the manifest itself, or rendered. Throws `file.unknown`, `version.removed`. */
export async function publishedFile(deps: Deps, version: VersionDetail, file: string): Promise<PublishedFile> {
  if (file === MANIFEST_FILE) return manifestFile(deps, version);
  const stored = kept(version).files.find(({ name }) => name === file);
  const found = stored ?? (RENDERED_FILES.includes(file) ? await deps.renders.get(version, file) : undefined);
  if (!found) {
    const names = [...version.files.map(({ name }) => name), ...RENDERED_FILES, MANIFEST_FILE];
    throw unknown(
      'file',
      `version ${version.version} of ${version.dataset} has no such file; it has ${names.join(', ')}`,
    );
  }
  const { name, mediaType, bytes, sha256, key } = found;
  return { name, mediaType, bytes, sha256, open: (range) => deps.store.read(key, range) };
}

async function manifestFile({ store }: Deps, version: VersionDetail): Promise<PublishedFile> {
  const body = await store.readAll(version.manifestKey, MAX_MANIFEST_BYTES);
  return {
    name: MANIFEST_FILE,
    mediaType: 'application/json; charset=utf-8',
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    open: async (range) =>
      Readable.from([range ? body.subarray(range.start, range.end + 1) : body], { objectMode: false }),
  };
}
