import type { VersionEvent } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Database } from './database.js';
import { findDataset, listDatasets, summarize } from './datasets.js';
import { createEstateChanges } from './estate.js';
import type { EstateRepository, GroupEntry, QuarantineEntry } from './types.js';
import { utc } from './utc.js';
import { findRender, findVersion, listVersions, recordRender } from './versions.js';

const groups = (database: Database, table: 'department' | 'domain'): Promise<GroupEntry[]> =>
  database.query<GroupEntry>(
    `${table}_list`,
    `SELECT g.name::text AS name, g.title, count(d.id) AS datasets, coalesce(sum(p.rows), 0)::bigint AS records
     FROM ${table} g LEFT JOIN dataset d ON d.${table} = g.name LEFT JOIN current_pointer p ON p.dataset_id = d.id
     GROUP BY g.name ORDER BY g.name`,
  );

const QUARANTINE = `SELECT q.sync_id AS sync, d.name::text AS dataset, s.department::text AS department, c.name::text AS connector,
    q.count, q.by_code AS "byCode", q.groups, q.key, q.recorded_at AS "recordedAt",
    coalesce((SELECT jsonb_agg(jsonb_build_object('sync', p.sync_id, 'count', p.count, 'version', p.version, 'by', p.requested_by,
      'at', ${utc('p.ended_at')}) ORDER BY p.ended_at DESC) FROM quarantine_replay p WHERE p.replay_of = q.sync_id AND p.ended_at IS NOT NULL), '[]')
      AS replays
  FROM rejected_summary q JOIN dataset d ON d.id = q.dataset_id JOIN sync s ON s.id = q.sync_id
  JOIN connector c ON c.id = s.connector_id`;

export function createEstateRepository(database: Database): EstateRepository {
  const { query } = database;
  return {
    ...createEstateChanges(database),
    summary: (now) => summarize(database, now),
    datasets: (filter, now) => listDatasets(database, filter, now),
    dataset: (name, now) => findDataset(database, name, now),
    versions: (dataset) => listVersions(database, dataset),
    version: (dataset, version) => findVersion(database, dataset, version),
    departments: () => groups(database, 'department'),
    domains: () => groups(database, 'domain'),
    render: (version, name) => findRender(database, version, name),
    recordRender: (version, file) => recordRender(database, version, file),

    quarantine: ({ dataset, department, limit, offset }) =>
      query<QuarantineEntry>(
        'quarantine_list',
        `${QUARANTINE} WHERE ($1::text IS NULL OR d.name = $1) AND ($2::text IS NULL OR s.department = $2)
           AND q.count > 0 AND s.state <> 'superseded'
         ORDER BY q.recorded_at DESC, q.sync_id LIMIT $3 OFFSET $4`,
        [dataset ?? null, department ?? null, limit, offset],
      ),
    async quarantined(sync) {
      return (await query<QuarantineEntry>('quarantine_get', `${QUARANTINE} WHERE q.sync_id = $1`, [sync]))[0];
    },

    relay: (limit, send) =>
      database.transaction(async (inside) => {
        // The row lock is held while sending: a second relay skips, and a dead one's lock goes with its connection.
        const [mark] = await inside<{ position: number }>(
          'relay_lock',
          `SELECT position FROM relay WHERE name = 'versions' FOR UPDATE SKIP LOCKED`,
        );
        if (!mark) return 'elsewhere';
        const rows = await inside<{ position: number; event: VersionEvent }>(
          'relay_next',
          'SELECT position, event FROM outbox WHERE position > $1 ORDER BY position LIMIT $2',
          [mark.position, limit],
        );
        const last = rows.at(-1);
        if (!last) return 0;
        await send(rows.map((row) => row.event));
        await inside(
          'relay_mark',
          `UPDATE relay SET position = $1, moved_at = clock_timestamp() WHERE name = 'versions'`,
          [last.position],
        );
        return rows.length;
      }),

    async changes(after, limit) {
      const rows = await query<{ position: string; event: VersionEvent }>(
        'changes',
        'SELECT o.position::text AS position, o.event FROM outbox o WHERE o.position > $1 ORDER BY o.position LIMIT $2',
        [after ?? '0', limit],
      );
      // Afterwards, so that what was cut off while the rows were read is not passed over.
      const [cut] = await query<{ position: string }>(
        'changes_cut',
        `SELECT position::text AS position FROM log_cut WHERE log = 'outbox' AND position > $1`,
        [after ?? '0'],
      );
      if (!cut) return rows;
      throw new SonghuaError(
        'changes.trimmed',
        `changes up to position ${cut.position} are not kept any more: take all datasets anew from /api/v1/datasets, then go on with after=${cut.position}`,
        { actor: 'department' },
      );
    },

    async lastPosition() {
      const [row] = await query<{ position: string }>(
        'changes_last',
        `SELECT coalesce((SELECT max(position) FROM outbox), (SELECT position FROM log_cut WHERE log = 'outbox'), 0)::text AS position`,
      );
      return row?.position ?? '0';
    },
  };
}
