import type { Session } from '../engine.js';
import type { Misfit, Profile, ProfileInput } from '../types.js';
import { buildCandidate, countedRows } from './candidate.js';
import type { PlannedColumn } from './plan.js';
import { placeOf } from './rejects.js';
import { planColumns } from './schema.js';

// A chunk of DuckDB has 2,048 rows of every column, so that memory grows with the columns read at once: a few hundred take 100 MB.
const GROUP_COLUMNS = 200;

/** See `Tables.profile`. */
export async function profile(session: Session, input: ProfileInput): Promise<Profile> {
  const { plan } = planColumns({ columns: input.columns, primaryKey: [] });
  const columns: Profile['columns'] = [];
  const misfits = new Map<number, number[]>();
  for (let from = 0; from < plan.length; from += GROUP_COLUMNS) {
    const group = await profileGroup(session, input, plan.slice(from, from + GROUP_COLUMNS));
    columns.push(...group.columns);
    for (const { row, columns: wrong } of group.misfits) {
      const positions = wrong.map((position) => from + position);
      misfits.set(row, [...(misfits.get(row) ?? []), ...positions]);
    }
  }
  return {
    columns,
    misfits: [...misfits]
      .sort(([a], [b]) => a - b)
      .map(([row, wrong]) => ({ row, ...placeOf(input.lines, row), columns: wrong })),
  };
}

/** Columns do not depend on each other: each is typed by its own cells. */
async function profileGroup(
  session: Session,
  { path, columns, rows }: ProfileInput,
  group: PlannedColumn[],
): Promise<{ columns: Profile['columns']; misfits: Pick<Misfit, 'row' | 'columns'>[] }> {
  const good = countedRows(session);
  const cells = group.flatMap(({ cell }) => (cell === undefined ? [] : [cell]));
  const drift = { missing: [], added: [], retyped: [] };
  const landed = { parts: [path], columns, rows, form: 'plain' as const, cells };
  const candidate = await buildCandidate(session, landed, { plan: group, drift, good });
  const filled = await good.filled(candidate.plan);
  const misfits: Pick<Misfit, 'row' | 'columns'>[] = [];
  if (candidate.bad > 0) {
    const sql = `SELECT _row, array_to_string(_fields, ',') AS _fields FROM bad ORDER BY _row`;
    for await (const [positions = [], fields = []] of session.columns(sql))
      positions.forEach((row, i) => {
        misfits.push({ row: Number(row), columns: String(fields[i]).split(',').map(Number) });
      });
  }
  return {
    columns: candidate.plan.map(({ column }, i) => ({
      ...column,
      nullable: candidate.good === 0 || filled[i] !== candidate.good,
    })),
    misfits,
  };
}
