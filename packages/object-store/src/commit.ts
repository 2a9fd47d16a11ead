import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { keys, MAX_MANIFEST_BYTES, type Manifest, type ManifestFile, manifestSchema } from '@songhua/contracts';
import { canonicalJson, codeOf } from '@songhua/domain';
import { objectError } from './errors.js';
import { readJson } from './json.js';
import type { ObjectStore, Transferred } from './types.js';

export interface UploadOptions {
  /** Unique to the attempt, so that nobody overwrites what a manifest may name (I1). */
  key: string;
  /** The local file, complete and closed. */
  path: string;
  mediaType: string;
  /** The file's name within the version. */
  name: string;
}

/**
 * First step of the commit protocol: sends a local file, reads it back and compares size and SHA-256. Throws `object.unverified`
 * (retryable, best with a new key) when the store gives back anything else.
 */
export async function uploadVerified(store: ObjectStore, options: UploadOptions): Promise<ManifestFile> {
  const { key, path, mediaType, name } = options;
  const sent = await store.putFile(key, path, mediaType);
  const stored = await measure(store, key);
  if (stored.bytes !== sent.bytes || stored.sha256 !== sent.sha256)
    throw objectError(
      'object.unverified',
      `${key}: sent ${sent.bytes} bytes with SHA-256 ${sent.sha256}, read back ${stored.bytes} with ${stored.sha256}; nothing was published, check the object store's disks`,
    );
  return { name, key, mediaType, bytes: sent.bytes, sha256: sent.sha256 };
}

/** Size and hash of an object as the store gives it back. */
async function measure(store: ObjectStore, key: string): Promise<Transferred> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of (await store.read(key)) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (codeOf(error) === 'object.missing')
      throw objectError('object.unverified', `${key}: was sent but is not there; nothing was published`, error);
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

export interface Commit {
  /**
   * `created`: this call committed `manifest`. `same`: the version was already committed from the same claim of a sync with the same
   * content after the same version, by an earlier attempt or a call whose answer was lost. `other`: the version number is taken; by other
   * content, or by what a catalog that is lost had of a sync that was claimed anew since, or after a version that was lost with it.
   */
  outcome: 'created' | 'same' | 'other';
  /** The manifest that stands. Unless `created`, its files, not the caller's, are the version's: finish its catalog row with it. */
  manifest: Manifest;
}

/**
 * The commit point: one PUT of the canonical manifest with `If-None-Match: *`. Call it when every file is verified. After a failure
 * with `object.unavailable` it is unknown whether the manifest stands; the same call again tells.
 */
export async function commitManifest(store: ObjectStore, manifest: Manifest): Promise<Commit> {
  const body = Buffer.from(canonicalJson(manifestSchema.parse(manifest)));
  const key = keys.manifest(manifest.datasetId, manifest.version);
  if ((await store.putIfAbsent(key, body, 'application/json')) === 'created') return { outcome: 'created', manifest };
  const standing = await readManifest(store, manifest.datasetId, manifest.version);
  if (!standing)
    throw objectError('object.unavailable', `${key}: was there a moment ago and is gone; the commit is tried again`);
  const same =
    standing.identity === manifest.identity &&
    standing.source.sync === manifest.source.sync &&
    standing.traceparent === manifest.traceparent &&
    isDeepStrictEqual(standing.previous, manifest.previous);
  return { outcome: same ? 'same' : 'other', manifest: standing };
}

/** The manifest of a version, or undefined when that version was never committed. `object.corrupt` when it cannot be understood. */
export function readManifest(store: ObjectStore, datasetId: string, version: number): Promise<Manifest | undefined> {
  return readJson(store, keys.manifest(datasetId, version), manifestSchema, MAX_MANIFEST_BYTES);
}
