import type { CollectionRepository, SyncNeeds } from '@songhua/catalog';
import { claimOf, type ParsedKey } from '@songhua/contracts';
import type { ObjectInfo, ObjectStore } from '@songhua/object-store';

/** An object that is old enough to go, and what it is by its key. */
export interface AgedObject<K extends ParsedKey['kind'] = ParsedKey['kind']> {
  object: ObjectInfo;
  is: Extract<ParsedKey, { kind: K }>;
}

export type OfVersion = AgedObject<'version-file'> | AgedObject<'version-manifest'>;

export interface JudgeDeps {
  collection: CollectionRepository;
  store: Pick<ObjectStore, 'readAll' | 'stat'>;
  dryRun: boolean;
  now: Date;
  /** What is younger stays. */
  grace: Date;
  landings: { before: Date; kept: number };
  pushedSince: Date;
  problem(text: string): void;
}

/** Why objects go, by key; those that are not in it stay. */
export type Verdicts = Map<string, string>;

/** Landings: of attempts that were given up, of syncs that never landed, and those that nothing needs any more. */
export async function judgeLandings(deps: JudgeDeps, aged: AgedObject<'landing'>[]): Promise<Verdicts> {
  const { collection, landings } = deps;
  const verdicts: Verdicts = new Map();
  const needs = await collection.syncNeeds([...new Set(aged.map(({ is }) => is.sync))], landings.kept);
  const whole: AgedObject<'landing'>[] = [];
  for (const one of aged) {
    const sync = needs.get(one.is.sync);
    const why = attemptIsOver(one.is.attempt, sync);
    if (why !== undefined) verdicts.set(one.object.key, why);
    else if (sync?.need === null && sync.landingAttempt !== null) whole.push(one);
  }
  const isOld = (sync: SyncNeeds | undefined): boolean => sync?.landedAt != null && sync.landedAt < landings.before;
  const asked = [...new Set(whole.map(({ is }) => is.sync))];
  const released = deps.dryRun
    ? new Set(asked.filter((id) => needs.get(id)?.removed || isOld(needs.get(id))))
    : await collection.releaseLandings(asked, landings);
  for (const { object, is } of whole) if (released.has(is.sync)) verdicts.set(object.key, 'landing.retention');
  return verdicts;
}

/** Why nobody will read what an attempt on the wire has landed; undefined while somebody may. */
function attemptIsOver(attempt: number, sync: SyncNeeds | undefined): string | undefined {
  if (!sync) return 'sync.unknown';
  if (sync.landingAttempt !== null) return attempt === sync.landingAttempt ? undefined : 'attempt.given-up';
  if (!sync.open) return 'sync.not-landed';
  return claimOf(attempt) < sync.claim ? 'attempt.given-up' : undefined;
}

/** Rejected rows that the quarantine does not name, of syncs and replays that have ended. */
export async function judgeRejected(
  { collection, landings }: JudgeDeps,
  aged: AgedObject<'rejected'>[],
): Promise<Verdicts> {
  const syncs = [...new Set(aged.map(({ is }) => is.sync))];
  const replays = aged.flatMap(({ is }) => is.replay ?? []);
  // Whether they are open first: what ends in between is then found to be named.
  const needs = await collection.syncNeeds([...new Set([...syncs, ...replays])], landings.kept);
  const named = await collection.quarantined(
    aged.map(({ object }) => object.key),
    syncs,
  );
  const verdicts: Verdicts = new Map();
  for (const { object, is } of aged) {
    const open = [is.sync, is.replay ?? is.sync].some((id) => needs.get(id)?.open);
    if (!open && !named.has(object.key)) verdicts.set(object.key, 'rejected.unnamed');
  }
  return verdicts;
}

/** Renders that were never recorded, or whose version is not kept any more. */
export async function judgeRenders({ collection }: JudgeDeps, aged: AgedObject<'render'>[]): Promise<Verdicts> {
  const keys = aged.map(({ object }) => object.key);
  const recorded = await collection.renders(keys);
  return new Map(keys.filter((key) => !recorded.has(key)).map((key) => [key, 'render.unnamed']));
}

/**
 * What was pushed and never accepted, and what was published, both long ago. After a restore the first may be the only copy of what a
 * department pushed after the cut.
 */
export async function judgePushes(
  { collection, pushedSince }: JudgeDeps,
  aged: AgedObject<'push'>[],
): Promise<Verdicts> {
  const keys = aged.map(({ object }) => object.key);
  const { known, needed } = await collection.pushes(keys, pushedSince);
  const verdicts: Verdicts = new Map();
  for (const { object } of aged) {
    const { key, modifiedAt } = object;
    if (!known.has(key)) {
      if (modifiedAt < pushedSince) verdicts.set(key, 'push.not-accepted');
    } else if (!needed.has(key)) verdicts.set(key, 'push.retention');
  }
  return verdicts;
}
