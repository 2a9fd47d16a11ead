import { SonghuaError } from '@songhua/domain';
import type pg from 'pg';
import type { Database } from './database.js';
import { RIGHTS, SERVICE_ROLES, type ServiceRole, STEPS } from './rights.js';

/** The database role of each service. Where a service has none it connects as the owner. */
export type DatabaseRoles = Partial<Record<ServiceRole, string>>;

const literals = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/**
 * What stands after the definitions of all functions, idempotent: nobody but the owner may call one who was not told so, and the steps that
 * services may take do the owner's work. They find tables by the path they were made with, whatever the caller's is.
 */
export const FUNCTION_SECURITY = `DO $$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT p.oid::regprocedure AS name, p.proname IN (${literals(STEPS)}) AS is_step
    FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.name);
    IF f.is_step THEN
      EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', f.name, current_schema());
    END IF;
  END LOOP;
END $$;`;

/**
 * Gives each role that exists on the server what its service needs, and takes everything else from it. In the transaction that makes the
 * functions anew, because their rights went with them. The caller owns the tables.
 */
export async function grantRights(client: pg.Client, roles: DatabaseRoles): Promise<void> {
  const there = await client.query<{ name: string; schema: string; self: boolean }>(
    `SELECT rolname AS name, current_schema() AS schema, rolname = current_user AS self FROM pg_roles WHERE rolname = ANY ($1::text[])`,
    [Object.values(roles)],
  );
  const statements = SERVICE_ROLES.flatMap((service) => {
    const found = there.rows.find(({ name }) => name === roles[service]);
    return found && !found.self ? grantsOf(service, client.escapeIdentifier(found.name), found.schema) : [];
  });
  if (statements.length > 0) await client.query(statements.join(';\n'));
}

function grantsOf(service: ServiceRole, role: string, schema: string): string[] {
  const { steps, rules, tables } = RIGHTS[service];
  const inSchema = `IN SCHEMA "${schema}"`;
  return [
    ...['TABLES', 'SEQUENCES', 'FUNCTIONS'].map((kind) => `REVOKE ALL ON ALL ${kind} ${inSchema} FROM ${role}`),
    `GRANT USAGE ON SCHEMA "${schema}" TO ${role}`,
    ...[...steps, ...rules].map((name) => `GRANT EXECUTE ON FUNCTION ${name} TO ${role}`),
    ...Object.entries(tables).map(([table, rights]) => `GRANT ${rights} ON ${table} TO ${role}`),
  ];
}

/** The first step of a service that no other may take: who may call it is that service. */
const signOf = (service: ServiceRole): string =>
  RIGHTS[service].steps.find((step) => SERVICE_ROLES.every((o) => o === service || !RIGHTS[o].steps.includes(step))) ??
  '';

/** Which role each service has been given, as the rights in the database tell. */
export async function rolesGranted(client: pg.Client): Promise<DatabaseRoles> {
  const { rows } = await client.query<{ step: string; role: string }>(
    `SELECT p.proname AS step, r.rolname AS role FROM pg_proc p, LATERAL aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = ANY ($1::text[]) AND a.grantee <> p.proowner`,
    [SERVICE_ROLES.map(signOf)],
  );
  return Object.fromEntries(
    SERVICE_ROLES.flatMap((service) => {
      const found = rows.find(({ step }) => step === signOf(service));
      return found ? [[service, found.role]] : [];
    }),
  );
}

/** Throws `catalog.rights` when the user of `database` may not take every step of its service. */
export async function assertRights(database: Database, service: ServiceRole): Promise<void> {
  const { steps } = RIGHTS[service];
  const [found] = await database.query<{ allowed: number; who: string }>(
    'rights',
    `SELECT count(DISTINCT p.proname) FILTER (WHERE has_function_privilege(p.oid, 'EXECUTE'))::integer AS allowed, current_user AS who
     FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = ANY ($1::text[])`,
    [steps],
  );
  if (found?.allowed === steps.length) return;
  throw new SonghuaError(
    'catalog.rights',
    `database user ${found?.who} may take ${found?.allowed ?? 0} of the ${steps.length} steps of the ${service} service: declare the deployment again, as "songhua up" does`,
    { actor: 'operator', retryable: true },
  );
}
