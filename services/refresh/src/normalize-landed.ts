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
  const previous = await fetchPrevious(deps.store, context, folder);
  const out = join(folder, OUT);
  await mkdir(out);
  return deps.tables.normalize({
    ...landed,
    ...rulesOf(spec),
    ...(previous && { previous }),
    out,
  });
}

/** The version that is served, on local disk; undefined when none is yet. */
export async function fetchPrevious(
  store: ObjectStore,
  { current, schema }: RefreshContext,
  folder: string,
): Promise<NormalizeInput['previous']> {
  if (!current || !schema) return undefined;
  const parquet = join(folder, 'previous.parquet');
  await store.download(current.parquetKey, parquet);
  return { schema, identity: current.identity, rows: current.rows, parquet };
}
