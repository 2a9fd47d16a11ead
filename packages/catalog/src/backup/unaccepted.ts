import { connected } from '../connected.js';

/** Whose connector a pushed object is for; null: the restored catalog does not have that connector. */
export interface PushOwner {
  connector: string;
  department: string;
}

/** Of these objects that were pushed, those that the catalog has no row of, each with whose they are by the id of the connector. */
export async function unacceptedPushes(
  databaseUrl: string,
  asked: { key: string; connector: string }[],
): Promise<{ key: string; owner: PushOwner | null }[]> {
  return connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{ key: string; connector: string | null; department: string | null }>(
      `SELECT a.key, c.name::text AS connector, d.department::text AS department
       FROM unnest($1::text[], $2::text[]) a (key, connector) LEFT JOIN connector c ON c.id = a.connector
       LEFT JOIN dataset d ON d.id = c.dataset_id
       WHERE NOT EXISTS (SELECT 1 FROM ingest i WHERE i.object_key = a.key) ORDER BY a.key`,
      [asked.map(({ key }) => key), asked.map(({ connector }) => connector)],
    );
    return rows.map(({ key, connector, department }) => ({
      key,
      owner: connector !== null && department !== null ? { connector, department } : null,
    }));
  });
}
