import { isDeepStrictEqual } from 'node:util';
import type { NamedObject, NamedVersion } from '@songhua/catalog/backup';
import {
  AUDIT_HEADS,
  type AuditHead,
  auditHeadSchema,
  landingManifestSchema,
  MAX_MANIFEST_BYTES,
  manifestSchema,
} from '@songhua/contracts';
import { codeOf, unaccounted } from '@songhua/domain';
import { type ObjectStore, readJson } from '@songhua/object-store';
import type { Problem } from './record.js';

// A head is below a hundred bytes.
const MAX_HEAD_BYTES = 1024;

/** The objects of a version, and what speaks against its manifest. */
export async function objectsOfVersion(
  store: ObjectStore,
  version: NamedVersion,
): Promise<{ objects: NamedObject[]; problems: Problem[] }> {
  const { manifestKey } = version;
  const objects: NamedObject[] = [
    ...version.files.map(({ key, mediaType, bytes, sha256 }) => ({
      key,
      mediaType,
      bytes,
      sha256,
      kind: 'file' as const,
      needed: true,
    })),
    { key: manifestKey, kind: 'manifest', mediaType: 'application/json', sha256: null, bytes: null, needed: true },
  ];
  const disagrees = (message: string): Problem => ({
    key: manifestKey,
    problem: 'disagrees',
    message: `${version.dataset} v${version.version}: ${message}`,
  });
  // One that is missing is told by whoever copies it.
  const read = await readJson(store, manifestKey, manifestSchema, MAX_MANIFEST_BYTES).catch(unlessCorrupt(null));
  if (read === undefined) return { objects, problems: [] };
  if (read === null) return { objects, problems: [disagrees('its manifest cannot be understood')] };
  const { identity, rows, counts, files } = read;
  const problems: Problem[] = [];
  if (identity !== version.identity || rows !== version.rows || !isDeepStrictEqual(files, version.files))
    problems.push(disagrees('its manifest says something else than the catalog'));
  if (unaccounted(counts) !== 0) problems.push(disagrees(`${unaccounted(counts)} rows are unaccounted for`));
  return { objects, problems };
}

/** A named object with what it names itself: a landing is its manifest and its parts, which come first. */
export async function objectsOf(store: ObjectStore, named: NamedObject): Promise<NamedObject[]> {
  if (named.kind !== 'landing') return [named];
  const landing = await readJson(store, named.key, landingManifestSchema, MAX_MANIFEST_BYTES).catch(
    unlessCorrupt(undefined),
  );
  const parts = (landing?.parts ?? []).map(({ key, bytes, sha256 }) => ({
    ...named,
    key,
    bytes,
    sha256,
    mediaType: 'application/gzip',
  }));
  return [...parts, named];
}

/** Heads of the audit log that were noted up to `head`, and those that were noted of rows after it. */
export async function auditHeads(
  store: ObjectStore,
  head: AuditHead,
): Promise<{ covered: NamedObject[]; beyond: { key: string; head: AuditHead }[] }> {
  const covered: NamedObject[] = [];
  const beyond: { key: string; head: AuditHead }[] = [];
  for await (const { key } of store.list(AUDIT_HEADS)) {
    const noted = await readJson(store, key, auditHeadSchema, MAX_HEAD_BYTES);
    if (!noted) continue;
    if (noted.sequence > head.sequence) beyond.push({ key, head: noted });
    else covered.push({ key, kind: 'audit', mediaType: 'application/json', sha256: null, bytes: null, needed: false });
  }
  return { covered, beyond };
}

const unlessCorrupt =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (codeOf(error) !== 'object.corrupt') throw error;
    return instead;
  };
