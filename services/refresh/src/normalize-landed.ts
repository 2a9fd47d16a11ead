import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefreshContext } from '@songhua/catalog';
import type { ObjectStore } from '@songhua/object-store';
import { type NormalizeInput, type NormalizeResult, rulesOf, type Tables } from '@songhua/tables';

/** Where normalizing writes, in the refresh's own folder. */
export const OUT = 'out';

/** Rows as they landed, and how they are to be taken. */
export type Landed = Pick<
  NormalizeInput,
  | 'parts'
  | 'columns'
  | 'files'
  | 'lines'
  | 'rows'
  | 'readerRejected'
  | 'mode'
  | 'scope'
  | 'operations'
  | 'reset'
  | 'overrides'
>;

/** Normalizes landed rows by the rules of their dataset, onto the version that is served. */
export async function normalizeLanded(
  deps: { store: ObjectStore; tables: Tables },
  context: RefreshContext,
  landed: Landed,
  folder: string,
): Promise<NormalizeResult> {
  const { spec } = context.dataset;
  let previous: NormalizeInput['previous'];
  if (context.current && context.schema) {
    const parquet = join(folder, 'previous.parquet');
    await deps.store.download(context.current.parquetKey, parquet);
    previous = { schema: context.schema, identity: context.current.identity, rows: context.current.rows, parquet };
  }
  const out = join(folder, OUT);
  await mkdir(out);
  return deps.tables.normalize({
    ...landed,
    ...rulesOf(spec),
    ...(previous && { previous }),
    out,
  });
}
