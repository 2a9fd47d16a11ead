import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefreshContext } from '@songhua/catalog';
import {
  type LandingManifest,
  type LandingPart,
  type LineRuns,
  landingManifestSchema,
  MAX_MANIFEST_BYTES,
  type SyncDetails,
} from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import type { Candidate } from './candidate.js';
import { type DetailPart, readDetails, readLines } from './details.js';

export interface LocalLanding {
  manifest: LandingManifest;
  /** Local gzip files of canonical CSV, in order. */
  rows: string[];
  /** Local gzip files of NDJSON, in order. */
  rejected: string[];
  /** Columns, files, cursor and warnings, as the connector gave them. */
  details: SyncDetails;
  /** Where the rows stand, read from disk each time. */
  lines: LineRuns;
}

/** A landing as the catalog names it. */
export type NamedLanding = Pick<RefreshContext['sync'], 'landing' | 'landed'>;

/**
 * Downloads a landed sync into `folder` and checks it against what the catalog was told of it, and every part against the manifest. Throws
 * `landing.replaced`, `landing.unreadable` and `landing.corrupt`.
 */
export async function fetchLanding(store: ObjectStore, named: NamedLanding, folder: string): Promise<LocalLanding> {
  const manifestKey = named.landing;
  const body = await store.readAll(manifestKey, MAX_MANIFEST_BYTES);
  const manifest = readManifest(manifestKey, body);
  assertSame(named, manifest);
  const rows: string[] = [];
  const rejected: string[] = [];
  const details: DetailPart[] = [];
  for (const [index, part] of manifest.parts.entries()) {
    const path = join(folder, `part-${String(index).padStart(6, '0')}.gz`);
    const { at, sha256 } = await fetchPart(store, part, path);
    if (sha256 !== part.sha256) {
      const name = 'key' in part ? part.key : `${index} of ${manifestKey}`;
      throw new SonghuaError(
        'landing.corrupt',
        `landed part ${name} has SHA-256 ${sha256}, expected ${part.sha256}; check the object store's disk, then run the sync again`,
        { actor: 'operator' },
      );
    }
    if (part.kind === 'details') details.push(at);
    else {
      // The engine reads rows from files only.
      if (at !== path) await writeFile(path, at);
      (part.kind === 'rows' ? rows : rejected).push(path);
    }
  }
  return { manifest, rows, rejected, details: await readDetails(details), lines: () => readLines(details) };
}

/** Whether a manifest is the one that the catalog was told of: a catalog that was restored claims anew what may have landed before. */
function assertSame({ landing, landed }: NamedLanding, { traceparent, completed }: LandingManifest): void {
  if (!landed) return;
  const { content } = landed;
  if (traceparent === landed.traceparent && (content === null || content === completed.sha256)) return;
  throw new SonghuaError(
    'landing.replaced',
    `${landing} is not what the catalog was told of: it is of claim ${traceparent} with content ${completed.sha256}, expected ${landed.traceparent} with ${content}; read the source again with "songhua sync NAME --full"`,
    { actor: 'operator' },
  );
}

/** Where a part is now: at `path`, or, of one that stands in the manifest, here. */
async function fetchPart(
  store: ObjectStore,
  part: LandingPart,
  path: string,
): Promise<{ at: DetailPart; sha256: string }> {
  if ('key' in part) return { at: path, sha256: (await store.download(part.key, path)).sha256 };
  const at = Buffer.from(part.gzip, 'base64');
  return { at, sha256: hash('sha256', at) };
}

/** What a version says of the source that its rows come from: its files, the latest change that any of them states, and warnings. */
export function sourceOf({ details }: LocalLanding): Candidate['source'] {
  const { files, warnings } = details;
  const times = files.flatMap((file) => file.modifiedAt ?? []).sort();
  return { files, changedAt: times.at(-1) ?? null, ...(warnings && { warnings }) };
}

function readManifest(key: string, body: Buffer): LandingManifest {
  const document: unknown = JSON.parse(body.toString('utf8'));
  const read = landingManifestSchema.safeParse(document);
  if (read.success) return read.data;
  const { schema } = (document ?? {}) as { schema?: unknown };
  throw new SonghuaError(
    'landing.unreadable',
    `${key} is ${typeof schema === 'string' ? schema : 'no landing manifest'}, which this release does not read; read the source again with "songhua sync NAME --full"`,
    { actor: 'operator', cause: read.error },
  );
}
