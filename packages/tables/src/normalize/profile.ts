import { rm } from 'node:fs/promises';
import type { Session } from '../engine.js';
import { literal } from '../sql.js';
import type { Profile, ProfileInput } from '../types.js';
import { buildCandidate, countedRows } from './candidate.js';
import { landedCells } from './cells.js';
import { planColumns } from './schema.js';
import { type ColumnGroup, splitColumns } from './split.js';

// DuckDB's results and plans take memory for each column that they name (32 kB for a chunk of however few rows), which is given back
// only when Node collects garbage, of which it sees little.
const WIDE_COLUMNS = 200;
const GROUP_COLUMNS = 16;

/** See `Tables.profile`. */
export async function profile(session: Session, input: ProfileInput): Promise<Profile> {
  const { path, misfitsPath } = input;
  const wide = input.columns.length > WIDE_COLUMNS;
  const groups = wide
    ? await splitColumns(path, input.columns.length, GROUP_COLUMNS)
    : [{ from: 0, width: input.columns.length, path }];
  const columns: Profile['columns'] = [];
  await session.run('CREATE OR REPLACE TEMP TABLE misfits (_row BIGINT, _first INTEGER, _wrong INTEGER)');
  for (const group of groups) {
    columns.push(...(await profileGroup(session, input, group)));
    if (wide) await rm(group.path);
  }
  const found = `SELECT _row, min(_first), sum(_wrong)::INTEGER FROM misfits GROUP BY _row ORDER BY _row`;
  const { Count } = await session.one(`COPY (${found}) TO ${literal(misfitsPath)} (FORMAT csv, HEADER false)`);
  return { columns, misfits: Number(Count) };
}

/** Columns do not depend on each other: each is typed by its own cells. Adds what does not fit to the table `misfits`. */
async function profileGroup(
  session: Session,
  { columns, rows, blanks }: ProfileInput,
  { from, width, path }: ColumnGroup,
): Promise<Profile['columns']> {
  const own = columns.slice(from, from + width);
  const { plan } = planColumns({ columns: own, primaryKey: [], ...(blanks && { blanks }) });
  const good = countedRows(session);
  const drift = { missing: [], added: [], retyped: [] };
  const landed = { parts: [path], columns: own, rows, form: 'plain' as const };
  const candidate = await buildCandidate(session, landedCells(landed), { plan, drift, good });
  const filled = await good.filled(candidate.plan);
  if (candidate.bad > 0) {
    await session.run(`INSERT INTO misfits SELECT _row, _fields[1] + ${from}, len(_fields) FROM bad`);
  }
  return candidate.plan.map(({ column }, i) => ({
    ...column,
    nullable: candidate.good === 0 || filled[i] !== candidate.good,
  }));
}
