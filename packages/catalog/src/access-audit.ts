import type { AuditEntry } from '@songhua/contracts';
import type { AuditRepository } from './access-types.js';
import { type ChainRow, verifyChain } from './audit-chain.js';
import type { Database } from './database.js';

// About 1 MB of rows in memory.
const PAGE = 2000;

export function createAuditRepository({ query }: Database): AuditRepository {
  async function* pages(begin: number): AsyncGenerator<ChainRow[]> {
    for (let after = begin; ; ) {
      // The text is built here, not by a function of the schema, which whoever edits rows could edit too.
      const rows = await query<ChainRow>(
        'audit_chain',
        `SELECT sequence, prev_hash AS "prevHash", hash,
           convert_to(jsonb_build_array(extract(epoch FROM at), actor, action, subject, detail)::text, 'UTF8') AS text,
           at < (SELECT finished_at FROM _prisma_migrations WHERE migration_name = '20261101000010_access_keys') AS "mayLeaveGap"
         FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT ${PAGE}`,
        [after],
      );
      if (rows.length > 0) yield rows;
      if (rows.length < PAGE) return;
      after = rows.at(-1)?.sequence ?? after;
    }
  }

  return {
    async append(actor, action, subject, detail) {
      await query('audit_append', 'SELECT audit_append($1, $2, $3, $4::jsonb)', [
        actor,
        action,
        subject,
        JSON.stringify(detail),
      ]);
    },

    list: ({ actor, action, subject, from, until, before, limit }) =>
      query<AuditEntry>(
        'audit_list',
        `SELECT sequence, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, actor, action, subject, detail,
           encode(hash, 'hex') AS hash FROM audit
         WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR subject = $3)
           AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5) AND ($6::bigint IS NULL OR sequence < $6)
         ORDER BY sequence DESC LIMIT $7`,
        [actor ?? null, action ?? null, subject ?? null, from ?? null, until ?? null, before ?? null, limit],
      ),

    async head() {
      const [row] = await query<{ sequence: number; hash: string }>(
        'audit_head',
        `SELECT sequence, encode(hash, 'hex') AS hash FROM audit ORDER BY sequence DESC LIMIT 1`,
      );
      return row ?? { sequence: 0, hash: '' };
    },

    async verify(anchors) {
      const [cut] = await query<{ sequence: number; hash: Buffer }>(
        'audit_cut_at',
        `SELECT position AS sequence, hash FROM log_cut WHERE log = 'audit'`,
      );
      const locate = async (hash: Buffer): Promise<number | undefined> =>
        (await query<{ sequence: number }>('audit_locate', 'SELECT sequence FROM audit WHERE hash = $1', [hash]))[0]
          ?.sequence;
      // Rows behind the cut are on their way out.
      return verifyChain(pages(cut?.sequence ?? 0), anchors, locate, cut);
    },
  };
}
