import { join } from 'node:path';
import { assertReconciled, type RowCounts, type TableSchema, versionIdentity } from '@songhua/domain';
import type { Session } from '../engine.js';
import { digestOf, rowHash } from '../identity.js';
import { literal } from '../sql.js';
import type { NormalizeInput, NormalizeResult } from '../types.js';
import { buildCandidate } from './candidate.js';
import { guardRejected, guardShrink } from './guards.js';
import { checkKey, enforcePolicy, planColumns } from './schema.js';

export async function normalize(session: Session, input: NormalizeInput): Promise<NormalizeResult> {
  const { plan: planned, drift } = planColumns(input);
  checkKey(input, planned);
  enforcePolicy(input, drift);
  const path = join(input.out, 'data.parquet');
  const candidate = await buildCandidate(session, input, { plan: planned, drift, path });
  enforcePolicy(input, drift);
  guardRejected(input, candidate.bad, {});
  guardShrink(input, candidate.good);
  const schema: TableSchema = { columns: candidate.plan.map(({ column }) => column), primaryKey: input.primaryKey };
  const digest = await digestOf(
    session,
    `(SELECT ${rowHash(schema.columns)} AS h FROM read_parquet(${literal(path)}))`,
  );
  const identity = versionIdentity(schema, digest);
  const counts: RowCounts = {
    read: input.rows + input.readerRejected,
    published: candidate.good,
    unchanged: 0,
    deduplicated: 0,
    deleted: 0,
    withheld: 0,
    rejected: candidate.bad + input.readerRejected,
  };
  assertReconciled(counts);
  return {
    schema,
    rows: digest.rows,
    identity,
    counts,
    changes: { added: digest.rows, changed: 0, removed: 0 },
    files: [{ name: 'data.parquet', path, mediaType: 'application/vnd.apache.parquet' }],
  };
}
