import type { KeyEntry } from '@songhua/contracts';
import { type Action, apiKeyId, apiKeyPrefix, codeOf, hashApiKey, type Role, SonghuaError } from '@songhua/domain';
import type { AccessRepository, OwnedKind } from './access-types.js';
import type { Database } from './database.js';
import { utc } from './utc.js';

const STATE = `CASE WHEN revoked_at <= clock_timestamp() THEN 'revoked' WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'active' END`;
const ENTRY = `jsonb_build_object('id', id, 'title', title, 'role', role, 'department', department, 'actions', actions,
  'state', ${STATE}, 'createdAt', ${utc('created_at')}, 'createdBy', created_by, 'expiresAt', ${utc('expires_at')},
  'lastUsedAt', ${utc('last_used_at')}, 'revokedAt', ${utc('revoked_at')}) AS entry`;

interface EntryRow {
  entry: Omit<KeyEntry, 'prefix'>;
}
const toEntry = ({ entry }: EntryRow): KeyEntry => ({ ...entry, prefix: apiKeyPrefix(entry.id) });

/** Appends the audit row in the statement that makes the change; `first` are common table expressions that the change needs. */
const audited = (
  change: string,
  action: string,
  actor: string,
  first = '',
): string => `WITH ${first} changed AS (${change}),
  recorded AS (SELECT audit_append(${actor}, '${action}', 'ApiKey/' || id,
    jsonb_strip_nulls(jsonb_build_object('title', title, 'role', role, 'department', department, 'expiresAt', expires_at))) FROM changed)
  SELECT ${ENTRY}, (SELECT count(*) FROM recorded) FROM changed`;

const OWNERS: Record<OwnedKind, string> = {
  connector: `SELECT c.name::text AS name, d.department::text AS department FROM connector c JOIN dataset d ON d.id = c.dataset_id
    WHERE c.name = ANY ($1::text[])`,
  dataset: 'SELECT name::text AS name, department::text AS department FROM dataset WHERE name = ANY ($1::text[])',
  sync: 'SELECT id AS name, department::text AS department FROM sync WHERE id = ANY ($1::text[])',
  revision: `SELECT name || '/' || number AS name, spec ->> 'department' AS department FROM revision
    WHERE kind = 'Dataset' AND spec IS NOT NULL AND name || '/' || number = ANY ($1::text[])`,
  request: `SELECT DISTINCT substr(slot, length('request:') + 1) AS name, department::text AS department FROM sync
    WHERE slot IN (SELECT 'request:' || asked FROM unnest($1::text[]) asked)`,
};

export function createAccessRepository({ query }: Database): AccessRepository {
  return {
    async key(id) {
      const [row] = await query<{
        hash: Buffer;
        role: Role;
        department: string | null;
        actions: Action[] | null;
        state: KeyEntry['state'];
        noted: boolean;
      }>(
        'key_get',
        `SELECT hash, role, department::text AS department, actions, ${STATE} AS state,
           coalesce(last_used_at >= date_trunc('hour', clock_timestamp()), false) AS noted FROM api_key WHERE id = $1`,
        [id],
      );
      if (!row) return undefined;
      const { hash, state, noted, ...rights } = row;
      return { hash, state, noted, principal: { id: `key:${id}`, ...rights } };
    },

    async touch(id) {
      await query(
        'key_touch',
        `UPDATE api_key SET last_used_at = date_trunc('hour', clock_timestamp())
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < date_trunc('hour', clock_timestamp()))`,
        [id],
      );
    },

    async keys() {
      return (await query<EntryRow>('key_list', `SELECT ${ENTRY} FROM api_key ORDER BY created_at, id`)).map(toEntry);
    },

    async createKey(made, request, actor) {
      const [row] = await query<EntryRow>(
        'key_create',
        audited(
          `INSERT INTO api_key (id, hash, title, role, department, actions, expires_at, created_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *`,
          'key.create',
          '$8',
        ),
        [
          made.id,
          made.hash,
          request.title,
          request.role,
          request.department ?? null,
          request.actions ? JSON.stringify(request.actions) : null,
          request.expiresAt ?? null,
          actor,
        ],
      ).catch((error: unknown) => {
        if (codeOf(error) !== 'catalog.reference') throw error;
        throw new SonghuaError(
          'catalog.reference',
          `there is no Department ${request.department}; apply it first, or correct the name`,
          { actor: 'department', cause: error },
        );
      });
      if (!row) throw new SonghuaError('catalog.query', 'the catalog did not answer; report this as a defect');
      return toEntry(row);
    },

    async rotateKey(id, made, graceSeconds, actor) {
      // A key that was made to live for a time lives as long again.
      const [row] = await query<EntryRow>(
        'key_rotate',
        audited(
          `INSERT INTO api_key (id, hash, title, role, department, actions, expires_at, created_by)
           SELECT $2, $3, o.title, o.role, o.department, o.actions, clock_timestamp() + (o.expires_at - o.created_at), $5
           FROM ended o RETURNING *`,
          'key.rotate',
          '$5',
          `ended AS (
             UPDATE api_key SET expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $4))
             WHERE id = $1 AND ${STATE} = 'active'
             RETURNING title, role, department, actions, created_at, (SELECT k.expires_at FROM api_key k WHERE k.id = $1) AS expires_at
           ),`,
        ),
        [id, made.id, made.hash, graceSeconds, actor],
      );
      return row && toEntry(row);
    },

    async revokeKey(id, actor) {
      const [changed] = await query<EntryRow>(
        'key_revoke',
        audited(
          'UPDATE api_key SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL RETURNING *',
          'key.revoke',
          '$2',
        ),
        [id, actor],
      );
      const [row] = changed
        ? [changed]
        : await query<EntryRow>('key_entry', `SELECT ${ENTRY} FROM api_key WHERE id = $1`, [id]);
      return row && toEntry(row);
    },

    async ensureOperator(key) {
      const id = apiKeyId(key);
      if (id === undefined)
        throw new SonghuaError(
          'access.key-form',
          'the first operator\'s key is not of the form that Songhua makes, sk_<12 hex digits>_<43 characters>; make one with "songhua keys new"',
          { actor: 'operator' },
        );
      const rows = await query(
        'key_ensure',
        audited(
          `INSERT INTO api_key (id, hash, title, role, created_by) VALUES ($1, $2, 'first operator', 'operator', 'service:declare')
           ON CONFLICT DO NOTHING RETURNING *`,
          'key.create',
          `'service:declare'`,
        ),
        [id, hashApiKey(key)],
      );
      return rows.length > 0;
    },

    owners: (kind, names) => query(`owners_${kind}`, OWNERS[kind], [names]),
  };
}
