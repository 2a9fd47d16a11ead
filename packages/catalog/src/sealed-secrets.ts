import type { Database } from './database.js';
import type { SealedSecret, SecretRepository } from './operate-types.js';

export function createSecretRepository({ query }: Database): SecretRepository {
  return {
    page: (after, limit) =>
      query<SealedSecret>(
        'secret_page',
        `SELECT connector_id AS "connectorId", name, revision, value FROM connector_secret
         WHERE $1::text IS NULL OR (connector_id, name, revision) > ($1, $2, $3::integer)
         ORDER BY connector_id, name, revision LIMIT $4`,
        [after?.connectorId ?? null, after?.name ?? null, after?.revision ?? null, limit],
      ),

    async replace({ connectorId, name, revision, value }, next) {
      const rows = await query(
        'secret_replace',
        `UPDATE connector_secret SET value = $5 WHERE connector_id = $1 AND name = $2 AND revision = $3 AND value = $4
         RETURNING name`,
        [connectorId, name, revision, value, next],
      );
      return rows.length > 0;
    },
  };
}
