import { isDeepStrictEqual } from 'node:util';
import type { NamedObject, NamedVersion } from '@songhua/catalog/backup';
import {
  AUDIT_HEADS,
  type AuditHead,
  auditHeadSchema,
  type LandingManifest,
  landingManifestSchema,
  MAX_MANIFEST_BYTES,
  type Manifest,
  manifestSchema,
} from '@songhua/contracts';
import { codeOf, unaccounted } from '@songhua/domain';
import { type ObjectStore, readJson } from '@songhua/object-store';
import type { Problem } from './record.js';

// A head is below a hundred bytes.
const MAX_HEAD_BYTES = 1024;

/** The files of a version; none where they are not kept any more. */
export const filesOf = ({ files, removed }: NamedVersion): NamedObject[] =>
  (removed ? [] : files).map(({ key, mediaType, bytes, sha256 }) => ({
    key,
    kind: 'file',
    mediaType,
    bytes,
    sha256,
    needed: true,
  }));

/** What names a version to the bucket. */
export const manifestOf = ({ manifestKey: key, removed }: NamedVersion): NamedObject => ({
  ...{ key, kind: removed ? 'tombstone' : 'manifest', mediaType: 'application/json' },
  ...{ sha256: null, bytes: null, needed: true },
});

/** What speaks against the manifest of a version; null: it cannot be understood. */
export function problemsOf(version: NamedVersion, manifest: Manifest | null): Problem[] {
  const disagrees = (message: string): Problem => ({
    key: version.manifestKey,
    problem: 'disagrees',
    message: `${version.dataset} v${version.version}: ${message}`,
  });
  if (manifest === null) return [disagrees('its manifest cannot be understood')];
  const { identity, rows, counts, files } = manifest;
  const problems: Problem[] = [];
  if (identity !== version.identity || rows !== version.rows || !isDeepStrictEqual(files, version.files))
    problems.push(disagrees('its manifest says something else than the catalog'));
  if (unaccounted(counts) !== 0) problems.push(disagrees(`${unaccounted(counts)} rows are unaccounted for`));
  return problems;
}

/** The parts of a landing that are objects, which are needed as it is. */
export const partsOf = (named: NamedObject, landing: LandingManifest | null): NamedObject[] =>
  (landing?.parts ?? []).flatMap((part) =>
    'key' in part
      ? {
          ...{ key: part.key, kind: 'part', mediaType: 'application/gzip' },
          ...{ bytes: part.bytes, sha256: part.sha256, needed: named.needed },
        }
      : [],
  );

/** The objects of a version as the bucket has it, and what speaks against its manifest; one that is missing is told by whoever looks. */
export async function objectsOfVersion(
  store: ObjectStore,
  version: NamedVersion,
): Promise<{ objects: NamedObject[]; problems: Problem[] }> {
  const read = await readJson(store, version.manifestKey, manifestSchema, MAX_MANIFEST_BYTES).catch(nullWhenCorrupt);
  return {
    objects: [...filesOf(version), manifestOf(version)],
    problems: read === undefined ? [] : problemsOf(version, read),
  };
}

/** A named object with what it names itself: a landing is its manifest and its parts. */
export async function objectsOf(store: ObjectStore, named: NamedObject): Promise<NamedObject[]> {
  if (named.kind !== 'landing') return [named];
  const landing = await readJson(store, named.key, landingManifestSchema, MAX_MANIFEST_BYTES).catch(nullWhenCorrupt);
  return [...partsOf(named, landing ?? null), named];
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

const nullWhenCorrupt = (error: unknown): null => {
  if (codeOf(error) !== 'object.corrupt') throw error;
  return null;
};
