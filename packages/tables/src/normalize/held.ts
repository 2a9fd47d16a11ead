import { type Column, SonghuaError } from '@songhua/domain';
import { alignedValue, positioned, type TableFile } from '../difference.js';
import type { Session } from '../engine.js';
import { ident } from '../sql.js';
import { RULES } from '../values/rules.js';
import type { Sql } from '../values/types.js';

const isNumber = ({ type }: Column): boolean => type === 'integer' || type === 'decimal';

/** Throws `schema.reread` when rows of `previous` are to stay under the columns of `file` and their types cannot hold the values. */
export async function assertHeld(session: Session, previous: TableFile, file: TableFile): Promise<void> {
  const value = alignedValue(previous);
  const before = new Map(previous.columns.map((column) => [column.name, column]));
  const lost = file.columns.flatMap((column): { name: string; count: Sql }[] => {
    const own = before.get(column.name);
    const sqlType = (one: Column): Sql => RULES[one.type].sqlType(one);
    if (!own || sqlType(own) === sqlType(column) || sqlType(column) === 'VARCHAR') return [];
    // Only numbers can be compared with what becomes of them; other changes of type are for the source's own text.
    const differs = isNumber(own) && isNumber(column) ? `${value(column)} IS DISTINCT FROM ${ident(own.name)}` : 'true';
    return [{ name: column.name, count: `count(*) FILTER (${ident(own.name)} IS NOT NULL AND ${differs})` }];
  });
  if (lost.length === 0) return;
  const counted = await session.one(
    `SELECT ${lost.map(({ count }, i) => `${count} AS n${i}`).join(', ')} FROM ${positioned(previous)}`,
  );
  const names = lost.filter((_, i) => Number(counted[`n${i}`]) > 0).map(({ name }) => name);
  if (names.length === 0) return;
  throw new SonghuaError(
    'schema.reread',
    `列的类型变了，已发布的行要重新读取 the type of these columns changed, and the rows that are published must be read again: ${names.join(', ')}. Run "songhua sync NAME --full", in mode append with --reset`,
    { actor: 'department', details: { columns: names } },
  );
}
