import { SonghuaError } from '@songhua/domain';
import type { ReplaySource } from './operate-types.js';

const PROBLEMS: Record<NonNullable<ReplaySource['problem']>, string> = {
  missing: 'no rejected rows of it are kept; see "songhua quarantine list"',
  unpublished: 'its refresh was not published; decide its hold, or run the sync again',
  collected: 'what it read is not kept any more; read everything anew with "songhua sync NAME --full"',
  busy: 'a sync of its connector has not ended yet; try again when it has',
  outdated:
    'a later read of the source has been published, which these rows could undo; read everything anew with "songhua sync NAME --full"',
  retired: 'its connector is retired',
};

/** Throws `replay.<problem>` unless the rejected rows of `sync` can be replayed. */
export function assertReplayable(sync: string, source: ReplaySource | undefined): ReplaySource {
  const problem = source ? source.problem : 'missing';
  if (source && problem === null) return source;
  const code = problem ?? 'missing';
  throw new SonghuaError(`replay.${code}`, `rejected rows of sync ${sync} cannot be replayed: ${PROBLEMS[code]}`, {
    actor: 'department',
  });
}
