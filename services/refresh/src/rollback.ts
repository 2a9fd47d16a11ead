import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefreshContext } from '@songhua/catalog';
import type { Manifest, ManifestFile } from '@songhua/contracts';
import { type RowCounts, SonghuaError, type TableSchema } from '@songhua/domain';
import { type ObjectStore, readManifest } from '@songhua/object-store';
import type { NormalizeResult, Tables } from '@songhua/tables';
import type { Candidate, StepClock, Turn } from './candidate.js';
import { fetchPrevious, OUT } from './normalize-landed.js';

export interface RollbackDeps {
  store: ObjectStore;
  tables: Pick<Tables, 'changes'>;
}

/**
 * What an earlier version had, as the next one: the same rows, schema and identity, and what turns the version that is served into it. No guard is
 * asked, because a person has decided already, and no rule, because the rows are not made anew.
 */
export async function rolledBackCandidate(
  deps: RollbackDeps,
  { context, folder }: Turn,
  { version, cursor }: NonNullable<RefreshContext['sync']['rollback']>,
  clock: StepClock,
): Promise<Candidate> {
  const { manifest, file, path } = await clock.step('fetch', () =>
    fetchVersion(deps.store, context, { version, folder }),
  );
  const { files, changedAt, warnings } = manifest.source;
  return {
    source: { files, changedAt, ...(warnings && { warnings }) },
    result: await clock.step('normalize', () => resultOf(deps, context, { manifest, file, path, folder })),
    rejected: { count: 0, byCode: {} },
    cursor,
    rollback: { version, rules: manifest.rules },
  };
}

interface LocalVersion {
  manifest: Manifest;
  file: ManifestFile;
  path: string;
}

/** The version that is gone back to, on local disk and as its manifest says; throws `version.corrupt`. */
async function fetchVersion(
  store: ObjectStore,
  { dataset }: RefreshContext,
  { version, folder }: { version: number; folder: string },
): Promise<LocalVersion> {
  const manifest = await readManifest(store, dataset.id, version);
  const file = manifest?.files.find(({ name }) => name === 'data.parquet');
  const path = join(folder, 'earlier.parquet');
  const { sha256 } = file ? await store.download(file.key, path) : {};
  if (manifest && file && sha256 === file.sha256) return { manifest, file, path };
  throw new SonghuaError(
    'version.corrupt',
    `version ${version} of ${dataset.name} cannot be published again: ${file ? `${file.key} has SHA-256 ${sha256}, expected ${file.sha256}` : 'its manifest is not there'}; check the object store's disks, or roll back to another version`,
    { actor: 'operator' },
  );
}

async function resultOf(
  { store, tables }: RollbackDeps,
  context: RefreshContext,
  { manifest, file, path, folder }: LocalVersion & { folder: string },
): Promise<NormalizeResult> {
  const { columns, primaryKey, rows, identity } = manifest;
  // What JSON leaves out is not there as undefined.
  const schema = { columns, primaryKey } as TableSchema;
  const counts = (published: number): RowCounts => ({
    read: rows,
    published,
    unchanged: rows - published,
    deduplicated: 0,
    deleted: 0,
    withheld: 0,
    rejected: 0,
  });
  const previous = context.current?.identity === identity ? undefined : await fetchPrevious(store, context, folder);
  if (!previous)
    return { schema, rows, identity, counts: counts(0), changes: { added: 0, changed: 0, removed: 0 }, files: [] };
  const out = join(folder, OUT);
  await mkdir(out);
  const from = { schema: previous.schema, parquet: previous.parquet };
  const { changes, file: changed } = await tables.changes({ from, to: { schema, parquet: path }, out });
  const data = { name: file.name, path, mediaType: file.mediaType };
  return { schema, rows, identity, counts: counts(changes.added + changes.changed), changes, files: [data, changed] };
}
