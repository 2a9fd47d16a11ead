import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type Announced, announcementOf } from '../announcement.js';

const PAGE = 500;

type Current = Omit<Announced, 'rows' | 'at' | 'changes'> & { facts: Pick<Announced, 'rows' | 'changes'>; at: Date };

/**
 * Announces the current version of every dataset once more, after whatever waits to be announced; how many. The topic of a new Kafka is
 * empty, and of the lost one it is not known how far its consumers came. The events have the ids that they had.
 */
export async function announceAgain(client: pg.Client, source: string): Promise<number> {
  const time = randomBytes(6).toString('hex');
  let announced = 0;
  for (let after = ''; ; ) {
    const { rows } = await client.query<Current>(
      `SELECT d.id AS "datasetId", d.name::text AS dataset, v.number AS version, v.identity, v.manifest_key AS "manifestKey",
         v.sync_id AS sync, s.traceparent, v.published_at AS at,
         jsonb_build_object('rows', v.rows, 'changes', jsonb_build_object('added', v.added, 'changed', v.changed, 'removed', v.removed)) AS facts
       FROM current_pointer p JOIN version v ON v.dataset_id = p.dataset_id AND v.number = p.number
       JOIN dataset d ON d.id = p.dataset_id JOIN sync s ON s.id = v.sync_id
       WHERE d.id > $1 ORDER BY d.id LIMIT ${PAGE}`,
      [after],
    );
    const events = rows.map(({ facts, ...version }) => announcementOf(source, { ...version, ...facts }));
    await client.query(
      `INSERT INTO outbox (event_id, event) SELECT e ->> 'id' || ' ' || $2, e FROM jsonb_array_elements($1::jsonb) e`,
      [JSON.stringify(events), time],
    );
    announced += rows.length;
    if (rows.length < PAGE) return announced;
    after = rows.at(-1)?.datasetId ?? after;
  }
}
