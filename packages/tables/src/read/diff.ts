import type { Changes } from '@songhua/contracts';
import { differingRows, findDifference, type TableFile } from '../difference.js';
import type { Session } from '../engine.js';
import { columnsOf, shown, toJson } from './rows.js';

/** The difference of two version files as counts and a page of rows with `_change`, under the columns of the newer one. */
export async function diffFiles(
  session: Session,
  files: { from: string; to: string; primaryKey: string[] },
  page: { limit: number; offset: number },
): Promise<{ changes: Changes; rows: Record<string, unknown>[] }> {
  const [from, to]: TableFile[] = await Promise.all(
    [files.from, files.to].map(async (path) => ({ path, columns: await columnsOf(session, path) })),
  );
  if (!from || !to) return { changes: { added: 0, changed: 0, removed: 0 }, rows: [] };
  const changes = await findDifference(session, from, to, files.primaryKey);
  const rows = await session.all(
    `${differingRows(from, to, shown)} LIMIT ${Math.max(0, Math.trunc(page.limit))} OFFSET ${Math.max(0, Math.trunc(page.offset))}`,
  );
  return { changes, rows: rows.map(toJson) };
}
