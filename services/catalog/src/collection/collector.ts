import type { AuditRepository, CollectionRepository } from '@songhua/catalog';
import type { AuditHead, Collection } from '@songhua/contracts';
import { reasonOf, SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import type { Logger, Registry } from '@songhua/runtime';
import { createMeters } from './meters.js';
import { daysBefore, hoursBefore, LEAST_GRACE_HOURS, type Retention } from './policy.js';
import { sweep } from './sweep.js';
import { createTally } from './tally.js';
import { trim } from './trim.js';

const LEASE_SECONDS = 300;
const RENEW_MS = 2_000;
const LOOK_MS = 10 * 60_000;

export interface CollectorDeps {
  collection: CollectionRepository;
  audit: Pick<AuditRepository, 'verify'>;
  store: Pick<ObjectStore, 'list' | 'delete' | 'readAll' | 'stat'>;
  heads(): Promise<AuditHead[]>;
  retention: Retention;
  logger: Logger;
  metrics: Registry;
  now(): Date;
}

export interface Collector {
  /** Begins a run, which goes on by itself; throws `collection.running` while there is one, on whatever replica. */
  start(options: { dryRun: boolean; by: string }): Promise<number>;
  /** Resolves when the run of this process, if any, has ended. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Removes what nothing names any more (I8), when somebody asks, and by itself once every `SONGHUA_GC_EVERY_HOURS`; of several replicas one
 * does. A run that is killed leaves nothing half done: what it had not come to goes with the next. One that failed is followed by another after
 * ten minutes, and after twice as long each time, until one ends well.
 */
export function createCollector(deps: CollectorDeps): Collector {
  const { collection, retention, logger } = deps;
  const meters = createMeters(deps.metrics);
  const closing = new AbortController();
  if (retention.SONGHUA_GC_GRACE_HOURS < LEAST_GRACE_HOURS)
    logger.warn(
      { SONGHUA_GC_GRACE_HOURS: retention.SONGHUA_GC_GRACE_HOURS },
      `the grace of collections is below ${LEAST_GRACE_HOURS} hours: what is being uploaded may be removed; set SONGHUA_GC_GRACE_HOURS to ${LEAST_GRACE_HOURS} or more before anything is read`,
    );
  let running: Promise<void> = Promise.resolve();

  const run = async (id: number, { dryRun, by }: { dryRun: boolean; by: string }): Promise<void> => {
    const started = performance.now();
    const tally = createTally();
    let renewed = 0;
    const told = async (stage: string): Promise<void> => {
      if (closing.signal.aborted) throw stopped();
      if (performance.now() - renewed < RENEW_MS) return;
      renewed = performance.now();
      if (!(await collection.renew(id, LEASE_SECONDS, { stage, report: tally.report }))) throw stopped();
    };
    try {
      await collect(deps, { dryRun, by, tally, told });
      await collection.end(id, tally.report, null);
      const seconds = (performance.now() - started) / 1000;
      if (!dryRun) meters.ended(tally.report, seconds, deps.now());
      const { removed, trimmed, unknown, problems } = tally.report;
      logger.info({ dryRun, removed, trimmed, unknown: unknown.objects, problems, seconds }, 'collection ended');
    } catch (error) {
      const reason = reasonOf(error);
      logger.warn({ reason }, 'collection failed; the next one goes on, after a wait that grows');
      await collection.end(id, tally.report, reason).catch(() => undefined);
    }
  };

  const begin = async (options: { dryRun: boolean; by: string }, everySeconds: number): Promise<number | undefined> => {
    const id = await collection.begin({ ...options, leaseSeconds: LEASE_SECONDS, everySeconds });
    if (id !== undefined) running = run(id, options);
    return id;
  };
  const look = setInterval(() => {
    begin({ dryRun: false, by: 'service:catalog' }, retention.SONGHUA_GC_EVERY_HOURS * 3600).catch((error: unknown) =>
      logger.warn({ reason: reasonOf(error) }, 'collecting could not begin; trying again'),
    );
  }, LOOK_MS);
  look.unref();
  if (retention.SONGHUA_GC_EVERY_HOURS === 0) clearInterval(look);

  return {
    async start(options) {
      const id = await begin(options, 0);
      if (id !== undefined) return id;
      throw new SonghuaError(
        'collection.running',
        'a collection runs already, or a backup is being made; follow the one with "songhua gc --last", wait for the other',
        {
          actor: 'operator',
        },
      );
    },
    idle: () => running,
    async close() {
      clearInterval(look);
      closing.abort();
      await running;
    },
  };
}

const stopped = (): SonghuaError =>
  new SonghuaError('collection.stopped', 'the process that collected was stopped; the next collection goes on', {
    retryable: true,
  });

/** One whole run: rows whose time has come, then the objects that nothing needs. */
export async function collect(
  deps: Omit<CollectorDeps, 'logger' | 'metrics'>,
  {
    dryRun,
    by,
    tally,
    told,
  }: Pick<Parameters<typeof sweep>[0], 'dryRun' | 'tally' | 'told'> & { by: Collection['by'] },
): Promise<void> {
  const { retention } = deps;
  const now = deps.now();
  await trim({ ...deps, now, dryRun, by, tally, told });
  await sweep({
    ...deps,
    dryRun,
    tally,
    told,
    now,
    grace: hoursBefore(now, retention.SONGHUA_GC_GRACE_HOURS),
    landings: { before: daysBefore(now, retention.SONGHUA_GC_LANDING_DAYS), kept: retention.SONGHUA_GC_LANDING_KEEP },
    pushedSince: daysBefore(now, retention.SONGHUA_GC_PUSH_DAYS),
    problem: (text) => tally.problem(text),
  });
}
