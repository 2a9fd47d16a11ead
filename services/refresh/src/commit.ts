import { randomBytes } from 'node:crypto';
import type { RefreshRepository } from '@songhua/catalog';
import { keys, type Manifest, type RefreshOutcome, rulesHash } from '@songhua/contracts';
import { commitManifest, type ObjectStore, uploadVerified } from '@songhua/object-store';
import type { Candidate, StepClock, Turn } from './candidate.js';

export interface CommitDeps {
  store: ObjectStore;
  refreshes: RefreshRepository;
}

/** The last step of a refresh: the candidate becomes a version, or is found to be what is served already (I3). */
export async function commit(
  deps: CommitDeps,
  turn: Turn,
  candidate: Candidate,
  clock: StepClock,
): Promise<RefreshOutcome> {
  const { reference, context } = turn;
  const { current } = context;
  if (!current || current.identity !== candidate.result.identity)
    return { sync: reference.sync, state: 'published', version: await publish(deps, turn, candidate, clock) };
  const { rejected, cursor, replayed, source, rules } = candidate;
  const { version } = current;
  const outcome: RefreshOutcome = { sync: reference.sync, state: 'unchanged', version };
  await deps.refreshes.finish(reference, outcome, {
    rejected,
    rules,
    stages: clock.seconds(),
    ...(replayed ? { replayed: { ...replayed, version } } : { cursor, sourceChangedAt: source.changedAt }),
  });
  return outcome;
}

/**
 * The commit protocol: files, manifest, catalog. A number whose manifest belongs to another sync is the trace of a refresh that died
 * between manifest and catalog; nobody was ever told of it, so the next number is taken and the trace is left to the collector.
 */
async function publish(deps: CommitDeps, turn: Turn, candidate: Candidate, clock: StepClock): Promise<number> {
  const { reference, context } = turn;
  const { rejected, replayed, result, rules } = candidate;
  const datasetId = context.dataset.id;
  const attempt = `${reference.attempt}-${randomBytes(6).toString('hex')}`;
  for (let version = (context.current?.version ?? 0) + 1; ; version++) {
    const number = version;
    const committed = await clock.step('commit', async () => {
      const files = await Promise.all(
        result.files.map((file) =>
          uploadVerified(deps.store, { ...file, key: keys.versionFile(datasetId, number, attempt, file.name) }),
        ),
      );
      return commitManifest(
        deps.store,
        manifestOf(turn, candidate, { version: number, files, stages: clock.seconds() }),
      );
    });
    if (committed.outcome === 'other') continue;
    await deps.refreshes.publish(committed.manifest, keys.manifest(datasetId, version), rejected, {
      rules,
      stages: clock.seconds(),
      ...(replayed && { replayed: { ...replayed, version } }),
    });
    return version;
  }
}

function manifestOf(
  { context }: Turn,
  { source, cursor, result, rollback }: Candidate,
  made: Pick<Manifest, 'version' | 'files'> & { stages: Record<string, number> },
): Manifest {
  const { sync, current } = context;
  const rules = rollback ? rollback.rules : rulesHash(context.dataset.spec);
  return {
    schema: 'songhua.manifest/1',
    dataset: context.dataset.name,
    datasetId: context.dataset.id,
    version: made.version,
    identity: result.identity,
    previous: current && { version: current.version, identity: current.identity },
    columns: result.schema.columns,
    primaryKey: result.schema.primaryKey,
    ...(rules !== undefined && { rules }),
    rows: result.rows,
    counts: result.counts,
    changes: result.changes,
    ...(rollback && { rollbackTo: rollback.version }),
    files: made.files,
    source: {
      connector: sync.connector,
      sync: sync.id,
      number: sync.number,
      ...source,
    },
    cursor,
    stages: made.stages,
    createdAt: new Date().toISOString(),
    traceparent: sync.traceparent,
  };
}
