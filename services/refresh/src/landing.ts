import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type LandingManifest,
  type LineRuns,
  landingManifestSchema,
  MAX_MANIFEST_BYTES,
  type SyncDetails,
} from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { readDetails, readLines } from './details.js';

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

/** Downloads a landed sync into `folder` and checks every part against the manifest; throws `landing.corrupt`. */
export async function fetchLanding(store: ObjectStore, manifestKey: string, folder: string): Promise<LocalLanding> {
  const body = await store.readAll(manifestKey, MAX_MANIFEST_BYTES);
  const manifest = readManifest(manifestKey, body);
  const parts: Record<LandingManifest['parts'][number]['kind'], string[]> = { rows: [], rejected: [], details: [] };
  for (const [index, part] of manifest.parts.entries()) {
    const path = join(folder, `part-${String(index).padStart(6, '0')}.gz`);
    const arrived = 'key' in part ? await store.download(part.key, path) : await unpack(part.content, path);
    if (arrived.sha256 !== part.sha256) {
      throw new SonghuaError(
        'landing.corrupt',
        `${'key' in part ? `landed part ${part.key}` : `part ${index} in ${manifestKey}`} has SHA-256 ${arrived.sha256}, expected ${part.sha256}; check the object store's disk, then run the sync again`,
        { actor: 'operator' },
      );
    }
    parts[part.kind].push(path);
  }
  const { rows, rejected } = parts;
  return {
    manifest,
    rows,
    rejected,
    details: await readDetails(parts.details),
    lines: () => readLines(parts.details),
  };
}

/** Writes a part that stands in the manifest to where one of the bucket would be. */
async function unpack(content: string, path: string): Promise<{ sha256: string }> {
  const bytes = Buffer.from(content, 'base64');
  await writeFile(path, bytes);
  return { sha256: createHash('sha256').update(bytes).digest('hex') };
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
