import type pg from 'pg';
import { hashOf, type SqlFile } from './sources.js';

// One row: the hash of the routines that the database has.
const APPLIED = `CREATE TABLE IF NOT EXISTS applied_routines (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  hash text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;

// Triggers go with their functions. Nothing else depends on them: no column default, constraint or index calls a function of ours.
const DROPS = `SELECT format('DROP VIEW %s CASCADE', c.oid::regclass) AS statement
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'v'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  UNION ALL SELECT format('DROP FUNCTION %s CASCADE', p.oid::regprocedure)
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`;

/** Takes all functions, triggers and views of the database away. */
export async function dropRoutines(client: pg.Client): Promise<void> {
  for (const { statement } of (await client.query<{ statement: string }>(DROPS)).rows)
    await client.query(statement.replace(/^DROP (\w+) /, 'DROP $1 IF EXISTS '));
}

/**
 * Makes the functions, triggers and views of the database those of `files`: all of them anew when `anew`, or when they differ from what it
 * has. `between` changes the tables while there are none, so that nothing stands in the way of a column.
 */
export async function applyRoutines(
  client: pg.Client,
  files: SqlFile[],
  { anew, between }: { anew: boolean; between: () => Promise<void> },
): Promise<void> {
  await client.query(APPLIED);
  const hash = hashOf(files);
  const { rows } = await client.query<{ hash: string }>('SELECT hash FROM applied_routines');
  if (!anew && rows[0]?.hash === hash) return;
  await dropRoutines(client);
  await between();
  const text = files.map((file) => file.text).join('\n');
  // Twice: first in any order, as bodies are not looked at, then with every name in them checked.
  await client.query(`SET LOCAL check_function_bodies = off; ${text}`);
  await client.query(`SET LOCAL check_function_bodies = on; ${text}`);
  await client.query(
    `INSERT INTO applied_routines (hash) VALUES ($1)
     ON CONFLICT (one) DO UPDATE SET hash = excluded.hash, applied_at = excluded.applied_at`,
    [hash],
  );
}
