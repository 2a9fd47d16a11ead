import { pipeline } from 'node:stream/promises';
import { SonghuaError } from '@songhua/domain';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { connected } from '../connected.js';
import { migrate } from '../migrate.js';
import { grantRights, rolesGranted } from '../roles.js';
import { announceAgain } from './announce-again.js';
import { rebuildTables, withoutForeignKeys } from './schema.js';
import type { CatalogCut, TableShape } from './types.js';

// Far more than an estate announces between two backups: who followed the lost database must not take new positions for ones it has seen.
const POSITIONS_APART = 1_000_000;

export interface CatalogCopy {
  cut: Pick<CatalogCut, 'migrations' | 'numbered'>;
  tables: (TableShape & { rows: number })[];
  /** The rows as `copyOut` gave them. */
  read(table: TableShape): NodeJS.ReadableStream;
}

export interface LoadOptions {
  /** CloudEvents `source` of the deployment that it is restored into. */
  eventSource: string;
  /** For the audit log: which backup, and what of the lost log is known. */
  audit: Record<string, unknown>;
  onTable?: (name: string, rows: number) => void;
}

export interface Loaded {
  rows: number;
  /** Migrations of this release that the backup did not have. */
  migrated: string[];
  /** Datasets whose current version is announced again. */
  announced: number;
  /** Open syncs: read again from their sources, and given to lanes again. */
  readAgain: number;
  handedOver: number;
}

/** Throws `restore.not-empty` when the database holds datasets already: a restore never mixes two estates. */
export async function assertEmptyCatalog(databaseUrl: string): Promise<void> {
  await connected(databaseUrl, assertEmpty);
}

/**
 * Makes the database what `copy` is, in one transaction: tables of the same migrations, rows, numbers, then what later migrations make of
 * them. The roles of services keep their rights. Syncs that were open go on: Kafka's and Temporal's data are taken as lost. Throws `restore.not-empty`, `backup.newer` and
 * `backup.damaged`.
 */
export async function loadCatalog(databaseUrl: string, copy: CatalogCopy, options: LoadOptions): Promise<Loaded> {
  return connected(databaseUrl, async (client) => {
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('songhua.gc'))`);
    await assertEmpty(client);
    // They go with the tables.
    const roles = await rolesGranted(client);
    await rebuildTables(client, copy.cut.migrations);
    let rows = 0;
    await withoutForeignKeys(client, async () => {
      // Migrations put rows of their own into new tables.
      await client.query(`TRUNCATE ${copy.tables.map(({ name }) => client.escapeIdentifier(name)).join(', ')}`);
      for (const table of copy.tables) rows += await loadTable(client, copy, table, options.onTable);
    });
    for (const { table, column, last } of copy.cut.numbered)
      await client.query('SELECT setval(pg_get_serial_sequence($1, $2), $3)', [table, column, last + POSITIONS_APART]);
    const migrated = await migrate(client);
    const { rows: settled } = await client.query<{ settled: { readAgain: number; handedOver: number } }>(
      'SELECT catalog_restored($1::jsonb) AS settled',
      [JSON.stringify(options.audit)],
    );
    const announced = await announceAgain(client, options.eventSource);
    await grantRights(client, roles);
    await client.query('COMMIT');
    return { rows, migrated, announced, ...(settled[0]?.settled ?? { readAgain: 0, handedOver: 0 }) };
  });
}

async function loadTable(
  client: pg.Client,
  copy: CatalogCopy,
  table: CatalogCopy['tables'][number],
  onTable: LoadOptions['onTable'],
): Promise<number> {
  const columns = table.columns.map((column) => client.escapeIdentifier(column)).join(', ');
  const sink = client.query(copyFrom(`COPY ${client.escapeIdentifier(table.name)} (${columns}) FROM STDIN`));
  await pipeline(copy.read(table), sink);
  if (sink.rowCount !== table.rows)
    throw new SonghuaError(
      'backup.damaged',
      `table ${table.name}: ${table.rows} rows were saved and ${sink.rowCount} came back; nothing was restored, take another backup`,
      { actor: 'operator' },
    );
  onTable?.(table.name, sink.rowCount);
  return sink.rowCount;
}

async function assertEmpty(client: pg.Client): Promise<void> {
  const { rows: tables } = await client.query<{ there: boolean }>(`SELECT to_regclass('dataset') IS NOT NULL AS there`);
  if (!tables[0]?.there) return;
  const { rows } = await client.query<{ datasets: number; name: string }>(
    'SELECT count(*)::integer AS datasets, current_database() AS name FROM dataset',
  );
  if (!rows[0] || rows[0].datasets === 0) return;
  throw new SonghuaError(
    'restore.not-empty',
    `database ${rows[0].name} has ${rows[0].datasets} datasets; nothing was changed: restore into an empty one, after "songhua down --wipe" or as another deployment`,
    { actor: 'operator' },
  );
}
