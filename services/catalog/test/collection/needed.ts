import { type LandingManifest, type Manifest, manifestSchema } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import type { CollectionWorld } from './world.js';

const OPEN = `('queued', 'reading', 'delivered', 'landed', 'refreshing', 'held')`;

/**
 * Every key that something still needs, by what needs it: found from manifests and rows alone, without asking what the collector asks.
 */
export async function neededKeys({ rows, store, catalog }: CollectionWorld): Promise<Map<string, string>> {
  const needed = new Map<string, string>();
  const json = async <T>(key: string): Promise<T | undefined> => {
    try {
      return JSON.parse((await store.readAll(key, 1_000_000)).toString()) as T;
    } catch (error) {
      if (codeOf(error) === 'object.missing') return undefined;
      throw error;
    }
  };
  const versions = await rows<{ manifest_key: string; files: Manifest['files']; removed: boolean }>(
    `SELECT v.manifest_key, v.files, t.number IS NOT NULL AS removed FROM version v LEFT JOIN version_tombstone t USING (dataset_id, number)`,
  );
  for (const { manifest_key, files, removed } of versions) {
    needed.set(manifest_key, 'a version');
    if (!removed) for (const { key } of files) needed.set(key, 'a manifest');
  }
  const goneBackTo = await rows<{ files: Manifest['files'] }>(
    `SELECT v.files FROM sync s JOIN version v ON v.dataset_id = s.dataset_id AND v.number = s.rollback_to WHERE s.state IN ${OPEN}`,
  );
  for (const { files } of goneBackTo) for (const { key } of files) needed.set(key, 'a rollback');
  for await (const { key } of store.list('datasets/')) {
    if (!key.endsWith('/manifest.json') || needed.has(key)) continue;
    const manifest = manifestSchema.parse(await json(key));
    const [open] = await rows(`SELECT 1 FROM sync WHERE id = $1 AND state IN ${OPEN}`, [manifest.source.sync]);
    if (!open) continue;
    needed.set(key, 'a refresh that may go on');
    for (const file of manifest.files) needed.set(file.key, 'a refresh that may go on');
  }

  const landing = async (key: string, why: string): Promise<void> => {
    needed.set(key, why);
    const manifest = await json<LandingManifest>(key);
    for (const part of manifest?.parts ?? []) if ('key' in part) needed.set(part.key, why);
  };
  const open = await rows<{ landing_key: string }>(
    `SELECT landing_key FROM sync WHERE state IN ${OPEN} AND landing_key IS NOT NULL AND purpose <> 'rollback'`,
  );
  for (const { landing_key } of open) await landing(landing_key, 'an open sync');
  const recent = await rows<{ landing_key: string }>(
    `SELECT landing_key FROM (SELECT landing_key, row_number() OVER (PARTITION BY connector_id ORDER BY number DESC) AS place
       FROM sync WHERE purpose = 'read' AND landing_key IS NOT NULL AND state IN ('published', 'unchanged')) x WHERE place <= 2`,
  );
  for (const { landing_key } of recent) await landing(landing_key, 'one of the last reads');

  const rejected = await rows<{ sync_id: string; landing_key: string; key: string | null }>(
    'SELECT q.sync_id, s.landing_key, q.key FROM rejected_summary q JOIN sync s ON s.id = q.sync_id',
  );
  for (const { sync_id, landing_key, key } of rejected) {
    if (key !== null) needed.set(key, 'the quarantine');
    const source = await catalog.replays.source(sync_id);
    if (source && (source.problem === null || source.problem === 'busy')) await landing(landing_key, 'a replay');
  }
  const replayed = await rows<{ key: string }>('SELECT key FROM quarantine_replay WHERE key IS NOT NULL');
  for (const { key } of replayed) needed.set(key, 'the quarantine');

  const renders = await rows<{ key: string }>(
    'SELECT key FROM render r WHERE NOT EXISTS (SELECT 1 FROM version_tombstone t WHERE t.dataset_id = r.dataset_id AND t.number = r.number)',
  );
  for (const { key } of renders) needed.set(key, 'a render');
  const pushes = await rows<{ object_key: string }>(
    `SELECT i.object_key FROM ingest i JOIN sync s ON s.id = i.sync_id LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id
     WHERE s.state IN ${OPEN} OR s.number = (SELECT max(t.number) FROM ingest o JOIN sync t ON t.id = o.sync_id WHERE o.connector_id = i.connector_id)
       OR (s.number > coalesce(k.number, 0) AND NOT (s.state = 'failed' AND s.reason ->> 'actor' <> 'platform'))`,
  );
  for (const { object_key } of pushes) needed.set(object_key, 'a push');
  return needed;
}
