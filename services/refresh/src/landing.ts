import { join } from 'node:path';
import { type LandingManifest, landingManifestSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';

// A manifest lists its parts and line runs; a million runs are about 60 MB, more than any source that is not damaged has.
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

export interface LocalLanding {
  manifest: LandingManifest;
  /** Local gzip files of canonical CSV, in order. */
  rows: string[];
  /** Local gzip files of NDJSON, in order. */
  rejected: string[];
}

/** Downloads a landed sync into `folder` and checks every part against the manifest; throws `landing.corrupt`. */
export async function fetchLanding(store: ObjectStore, manifestKey: string, folder: string): Promise<LocalLanding> {
  const body = await store.readAll(manifestKey, MAX_MANIFEST_BYTES);
  const manifest = landingManifestSchema.parse(JSON.parse(body.toString('utf8')));
  const local: LocalLanding = { manifest, rows: [], rejected: [] };
  for (const [index, part] of manifest.parts.entries()) {
    const path = join(folder, `part-${String(index).padStart(6, '0')}.gz`);
    const arrived = await store.download(part.key, path);
    if (arrived.sha256 !== part.sha256) {
      throw new SonghuaError(
        'landing.corrupt',
        `landed part ${part.key} has SHA-256 ${arrived.sha256}, expected ${part.sha256}; check the object store's disk, then run the sync again`,
        { actor: 'operator' },
      );
    }
    local[part.kind].push(path);
  }
  return local;
}
