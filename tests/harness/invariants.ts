import { createHash } from 'node:crypto';
import { type Manifest, manifestSchema } from '@songhua/contracts';
import { unaccounted } from '@songhua/domain';
import { Client as Postgres } from 'pg';
import type { System } from './system.js';

interface VersionRow {
  dataset: string;
  number: number;
  identity: string;
  current: boolean;
}

/** Every violation of I1–I5 and I7 that the system's own records and files show; an empty list when all hold. */
export async function violations(system: System): Promise<string[]> {
  const found: string[] = [];
  const database = new Postgres({ connectionString: system.engines.endpoints.databaseUrl });
  await database.connect();
  try {
    const { rows: versions } = await database.query<VersionRow>(
      `SELECT d.name::text AS dataset, v.number, v.identity, p.number = v.number AS current
       FROM version v JOIN dataset d ON d.id = v.dataset_id JOIN current_pointer p ON p.dataset_id = d.id ORDER BY 1, 2`,
    );
    const last = new Map<string, VersionRow>();
    for (const version of versions) {
      const where = `${version.dataset} v${version.number}`;
      const manifest = await readManifest(system, version);
      if (manifest.identity !== version.identity)
        found.push(`I2 ${where}: the manifest has another identity than the catalog`);
      if (unaccounted(manifest.counts) !== 0)
        found.push(`I4 ${where}: ${unaccounted(manifest.counts)} rows are unaccounted for`);
      if (last.get(version.dataset)?.identity === version.identity)
        found.push(`I3 ${where}: the same content as the version before`);
      last.set(version.dataset, version);
      for (const file of manifest.files) {
        const bytes = await fetchBytes(system, `/data/${version.dataset}/v${version.number}/${file.name}`);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        if (sha256 !== file.sha256 || bytes.length !== file.bytes)
          found.push(`I1 ${where}: ${file.name} is not what its manifest says`);
      }
    }
    for (const version of last.values())
      if (!version.current) found.push(`I2 ${version.dataset}: the current pointer does not name the last version`);

    const { rows: kept } = await database.query<{ dataset: string; told: string; kept: string }>(
      // Rows that a replay rejects again stay with the sync that they came from; those that it lets pass are kept with the replay.
      `SELECT * FROM (
         SELECT d.name::text AS dataset, v.counts ->> 'rejected' AS told, coalesce(q.count, 0)
           + (SELECT coalesce(sum(r.count), 0) FROM quarantine_replay r WHERE r.replay_of = v.sync_id)::bigint AS kept
         FROM version v JOIN dataset d ON d.id = v.dataset_id LEFT JOIN rejected_summary q ON q.sync_id = v.sync_id
         WHERE NOT EXISTS (SELECT 1 FROM quarantine_replay r WHERE r.sync_id = v.sync_id)
       ) x WHERE told::bigint <> kept`,
    );
    for (const { dataset, told, kept: rows } of kept) found.push(`I4 ${dataset}: ${told} rows rejected, ${rows} kept`);

    const { rows: cursors } = await database.query<{ connector: string }>(
      `SELECT c.name::text AS connector FROM connector_cursor k JOIN connector c ON c.id = k.connector_id
       JOIN sync s ON s.id = k.sync_id WHERE s.state NOT IN ('published', 'unchanged')`,
    );
    for (const { connector } of cursors)
      found.push(`I5 ${connector}: its cursor is from a sync whose effect is not durable`);

    const { rows: open } = await database.query<{ sync: string; state: string }>(
      `SELECT id AS sync, state FROM sync
       WHERE state NOT IN ('published', 'unchanged', 'superseded', 'held', 'failed')
         OR (state IN ('failed', 'held') AND (reason ->> 'code' IS NULL OR reason ->> 'actor' IS NULL))`,
    );
    for (const { sync, state } of open) found.push(`I7 ${sync}: ${state} is not a terminal state with a reason`);
    return found;
  } finally {
    await database.end();
  }
}

/** The identity of the current version of each dataset. */
export async function identities(system: System, datasets: string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of datasets) {
    const manifest = manifestSchema.parse(await system.get(`/api/v1/datasets/${name}/versions/latest/manifest`));
    found.set(name, manifest.identity);
  }
  return found;
}

async function readManifest(system: System, version: VersionRow): Promise<Manifest> {
  return manifestSchema.parse(
    await system.get(`/api/v1/datasets/${version.dataset}/versions/${version.number}/manifest`),
  );
}

async function fetchBytes(system: System, path: string): Promise<Buffer> {
  const response = await fetch(new URL(path, system.apiUrl));
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}
