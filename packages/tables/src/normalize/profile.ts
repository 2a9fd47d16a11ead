import type { Session } from '../engine.js';
import type { Misfit, Profile, ProfileInput } from '../types.js';
import { buildCandidate, countedRows } from './candidate.js';
import { rejects } from './rejects.js';
import { planColumns } from './schema.js';

/** See `Tables.profile`. */
export async function profile(
  session: Session,
  input: ProfileInput,
  take: (misfits: Misfit[]) => Promise<void>,
): Promise<Profile> {
  const { path, columns, rows, lines } = input;
  const { plan, drift } = planColumns({ columns, primaryKey: [] });
  const good = countedRows(session);
  const landed = { parts: [path], columns, rows, form: 'plain' as const };
  const candidate = await buildCandidate(session, landed, { plan, drift, good });
  if (candidate.bad > 0)
    for await (const chunk of rejects(session, { columns, lines, primaryKey: [] }, candidate.plan)) await take(chunk);
  const filled = await good.filled(candidate.plan);
  return {
    columns: candidate.plan.map(({ column }, i) => ({ ...column, nullable: filled[i] !== candidate.good })),
    misfits: candidate.bad,
  };
}
