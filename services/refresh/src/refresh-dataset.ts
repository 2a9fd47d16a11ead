import { join } from 'node:path';
import type { RefreshContext, RefreshRepository, ReplayRepository } from '@songhua/catalog';
import { type LaneReference, type RefreshOutcome, type ReplayReference, rulesHash } from '@songhua/contracts';
import { codeOf, isHold, overridesOf, reasonOf, type SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { withFolder } from '@songhua/runtime';
import { replaces, type Tables } from '@songhua/tables';
import { z } from 'zod';
import { type Candidate, createStepClock, type StepClock, type Turn } from './candidate.js';
import { commit } from './commit.js';
import { fetchLanding, type LocalLanding, sourceOf } from './landing.js';
import { normalizeLanded, OUT } from './normalize-landed.js';
import { storeRejected } from './rejected.js';
import { computeReplay } from './replay.js';
import { rolledBackCandidate } from './rollback.js';
import { toldOfRules } from './told-of-rules.js';

const guardDetails = z.object({ rejected: z.int(), byCode: z.record(z.string(), z.int()) });

export interface RefreshDeps {
  store: ObjectStore;
  refreshes: RefreshRepository;
  replays: Pick<ReplayRepository, 'source'>;
  tables: Tables;
  /** A folder on local disk; each refresh uses one of its own in it and removes it. */
  tempDirectory: string;
}

/**
 * Takes a sync whose turn it is to its end: fetch → normalize → commit. Answers the new version, "checked, unchanged", or a hold. Throws a
 * SonghuaError when it cannot; nothing is half-published then, because the manifest and the catalog transaction are the only steps that
 * others see (I2).
 */
export function refreshDataset(
  deps: RefreshDeps,
  reference: LaneReference,
  context: RefreshContext,
): Promise<RefreshOutcome> {
  return withFolder(deps.tempDirectory, reference.sync, async (folder) => {
    const turn: Turn = { reference, context, folder };
    const clock = createStepClock();
    try {
      const made = await makeCandidate(deps, turn, clock);
      return 'state' in made ? made : await commit(deps, turn, made, clock);
    } catch (error) {
      if (!isHold(codeOf(error) ?? '')) throw error;
      return hold(deps, turn, error, { stages: clock.seconds() });
    }
  });
}

function makeCandidate(deps: RefreshDeps, turn: Turn, clock: StepClock): Promise<Candidate | RefreshOutcome> {
  const { replay, rollback } = turn.context.sync;
  if (replay) return replayedCandidate(deps, turn, replay, clock);
  if (rollback) return rolledBackCandidate(deps, turn, rollback, clock);
  return landedCandidate(deps, turn, clock).catch(async (error: unknown) => {
    throw await toldOfRules(deps.store, turn.context, error);
  });
}

/** Ends a refresh that waits for a person's decision. */
async function hold(
  { refreshes }: RefreshDeps,
  { reference }: Turn,
  error: unknown,
  effects: Parameters<RefreshRepository['finish']>[2],
): Promise<RefreshOutcome> {
  const outcome: RefreshOutcome = { sync: reference.sync, state: 'held', reason: reasonOf(error) };
  await refreshes.finish(reference, outcome, effects);
  return outcome;
}

/** What landed, normalized; or held, when too much of it was rejected. */
async function landedCandidate(deps: RefreshDeps, turn: Turn, clock: StepClock): Promise<Candidate | RefreshOutcome> {
  const { context, folder } = turn;
  const landing = await clock.step('fetch', () => fetchWhole(deps, turn));
  if ('state' in landing) return landing;
  const { completed } = landing.manifest;
  try {
    return await clock.step('normalize', async () => {
      const landed = {
        parts: landing.rows,
        columns: landing.details.columns,
        files: landing.details.files,
        lines: landing.lines,
        rows: completed.rows,
        readerRejected: completed.rejected,
        mode: completed.mode,
        scope: completed.scope,
        operations: completed.operations,
        reset: completed.reset,
        overrides: overridesOf(context.sync.approved),
      };
      const result = await normalizeLanded(deps, context, landed, folder);
      const rejected = await storeRejected(deps.store, landing, result.rejected, { sync: context.sync.id, folder });
      const anew = !context.current || replaces(landed);
      const rules = anew ? rulesHash(context.dataset.spec) : undefined;
      return { source: sourceOf(landing), result, rejected, cursor: landing.details.cursor, rules };
    });
  } catch (error) {
    if (codeOf(error) === 'guard.rejected') return holdRejected(deps, turn, landing, error as SonghuaError, clock);
    throw error;
  }
}

/** What landed; or, of changed rules that nothing whole is kept for, that the source is read anew. */
async function fetchWhole(
  { store, refreshes }: RefreshDeps,
  { reference, context, folder }: Turn,
): Promise<LocalLanding | RefreshOutcome> {
  const fetched = fetchLanding(store, context.sync, folder);
  if (context.sync.purpose !== 'rules') return fetched;
  const kept = await fetched.catch((error: unknown) => {
    // Gone, of another claim, or written by a release that kept it otherwise.
    if (['object.missing', 'landing.replaced', 'landing.unreadable'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  });
  if (kept?.manifest.completed.scope === 'all' && kept.manifest.completed.mode === 'full') return kept;
  await refreshes.reread(reference);
  return { sync: reference.sync, state: 'superseded' };
}

/** Rejected rows of an earlier sync, read again by the rules of today: onto what is served, without moving cursor or clocks. */
async function replayedCandidate(
  deps: RefreshDeps,
  { reference, context, folder }: Turn,
  replay: ReplayReference,
  clock: StepClock,
): Promise<Candidate> {
  return clock.step('normalize', async () => {
    const opened = { folder, opened: reference.sync };
    const { landing, source, result, store } = await computeReplay(deps, replay, context, opened);
    const replayed = await store(reference.sync);
    const rejected = { count: 0, byCode: {} };
    return { source: sourceOf(landing), result, rejected, cursor: source.cursor, replayed };
  });
}

/** Too many rows were rejected: a person decides, and sees every one of them meanwhile (I4). */
async function holdRejected(
  deps: RefreshDeps,
  turn: Turn,
  landing: LocalLanding,
  error: SonghuaError,
  clock: StepClock,
): Promise<RefreshOutcome> {
  const { reference, context, folder } = turn;
  const { rejected, byCode } = guardDetails.parse(error.details);
  const count = rejected - landing.manifest.completed.rejected;
  const path = join(folder, OUT, 'rejected.ndjson.gz');
  const kept = await storeRejected(deps.store, landing, count > 0 ? { path, count, byCode } : undefined, {
    sync: reference.sync,
    folder,
  });
  return hold(deps, turn, await toldOfRules(deps.store, context, error), { rejected: kept, stages: clock.seconds() });
}
