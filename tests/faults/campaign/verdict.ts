import { waitFor } from '@songhua/runtime/testing';
import { Client } from 'pg';
import { violations } from '../../harness/invariants.js';
import type { System } from '../../harness/system.js';
import { ask, type Load } from './load.js';

// A sync is tried again for about ten minutes before it fails, and what no lane works on is handed over again after five.
const PATIENCE_MS = 1_200_000;

export interface Verdict {
  /** Sources whose last content is not served, although their last sync ended well; or whatever is tried. */
  lost: string[];
  doubled: string[];
  /** Violations of the invariants. */
  halfPublished: string[];
  /** Syncs that never ended. */
  wedged: string[];
  versions: number;
  syncs: number;
  /** Syncs that ended in failure, as told, by code. */
  failed: Record<string, number>;
}

type Row = Record<string, string>;

/** Waits until nothing is under way any more, and says what should not be. */
export async function judge(system: System, load: Load): Promise<Verdict> {
  const database = new Client({ connectionString: system.engines.endpoints.databaseUrl });
  await database.connect();
  const rows = async (sql: string): Promise<Row[]> => (await database.query<Row>(sql)).rows;
  const open = (): Promise<Row[]> =>
    rows(`SELECT id, state FROM sync WHERE state NOT IN ('published', 'unchanged', 'superseded', 'failed')`);
  const quiet = async (): Promise<string[]> => {
    await waitFor('every sync to end', async () => (await open()).length === 0, PATIENCE_MS).catch(() => undefined);
    return (await open()).map(({ id, state }) => `${id} stays ${state}`);
  };
  try {
    let wedged = await quiet();
    const failing = await rows(`SELECT DISTINCT ON (s.connector_id) c.name::text AS name, s.state FROM sync s
      JOIN connector c ON c.id = s.connector_id ORDER BY s.connector_id, s.number DESC`);
    // Of these it was told that their last content did not come.
    const told = failing.filter(({ state }) => state === 'failed').map(({ name }) => `${name}:`);
    const silent = (await load.lost()).filter((one) => !told.some((name) => one.startsWith(name)));
    await ask(system, load.names, `${load.label}-after`);
    wedged = [...wedged, ...(await quiet())];
    const [count] = await rows(
      'SELECT (SELECT count(*) FROM version) AS versions, (SELECT count(*) FROM sync) AS syncs',
    );
    const codes = await rows(
      `SELECT reason ->> 'code' AS code, count(*) AS syncs FROM sync WHERE state = 'failed' GROUP BY 1`,
    );
    const twice = await rows(`SELECT sync_id AS id, count(*) AS versions FROM version GROUP BY 1 HAVING count(*) > 1`);
    const unheard =
      await rows(`SELECT d.name::text AS name, v.number FROM version v JOIN dataset d ON d.id = v.dataset_id
      WHERE 1 <> (SELECT count(*) FROM outbox o WHERE o.event #>> '{data,sync}' = v.sync_id)`);
    return {
      lost: [...silent, ...(await load.lost())],
      doubled: [
        ...twice.map(({ id, versions }) => `${id} was published ${versions} times`),
        ...unheard.map(({ name, number }) => `${name} v${number} is not announced once`),
      ],
      halfPublished: await violations(system),
      wedged,
      versions: Number(count?.versions),
      syncs: Number(count?.syncs),
      failed: Object.fromEntries(codes.map(({ code = '', syncs }) => [code, Number(syncs)])),
    };
  } finally {
    await database.end();
  }
}
