import type {
  ConnectorRecord,
  ConnectorRepository,
  ReadProgress,
  SyncRecord,
  SyncRepository,
  SyncResult,
  SyncTrouble,
} from '@songhua/catalog';
import type { Cursor } from '@songhua/contracts';
import { type Reason, reasonOf } from '@songhua/domain';
import { type Logger, traceIdOf } from '@songhua/runtime';
import type { ResultWriter } from './results.js';
import type { Job } from './run-sync.js';
import { createSignalling } from './signalling.js';

export interface WorkerDeps {
  owner: string;
  syncs: Pick<SyncRepository, 'take' | 'renew' | 'giveBack'>;
  connectors: ConnectorRepository;
  results: ResultWriter;
  run(job: Job): Promise<SyncResult>;
  ended(sync: SyncRecord, result: SyncResult, seconds: number): void;
  logger: Logger;
  concurrency: number;
  leaseSeconds: number;
}

export interface Worker {
  /** Looks for queued syncs at once instead of at the next poll. */
  wake(): void;
  /** Stops taking, lets running syncs end for up to `graceMs`, then stops them and gives back what is left. */
  stop(graceMs: number): Promise<void>;
}

interface Lease {
  sync: SyncRecord;
  abort: AbortController;
  until: number;
  /** Reading has begun. */
  begun: boolean;
  /** When its source last sent something, or its reading began. */
  activeAt: number;
  rows: number;
  bytes: number;
  trouble?: SyncTrouble | undefined;
}

type Ready = Pick<Job, 'sync' | 'connector' | 'cursor'> & { lease: Lease };

// A poll of an empty queue is about a millisecond of PostgreSQL; other replicas' enqueues are noticed within this.
const IDLE_POLL_MS = 1_000;
const ERROR_WAIT_MS = 2_000;
// Work taken ahead: what this replica will start within this time, so that short syncs do not wait for a round trip each, and
// another replica does not miss work that is only queued here.
const AHEAD_SECONDS = 0.25;
const MOST_AHEAD = 64;
// A source that is silent for this long costs no work, so it keeps no place from others; when it speaks again, places are over-used by
// it for a while.
const SILENT_MS = 3_000;
// Silent sources hold a folder, a socket and a lease each.
const MOST_SILENT = 256;

/** Takes queued syncs and runs up to `concurrency` of them at once, renewing their leases. */
export function startWorker(deps: WorkerDeps): Worker {
  const { owner, syncs, logger, leaseSeconds, concurrency } = deps;
  const held = new Map<string, Lease>();
  const ready: Ready[] = [];
  const running = new Map<Promise<void>, Lease>();
  // What ran out while the catalog could not be told that this replica lives.
  const ranOut = new Set<string>();
  const signalling = createSignalling();
  let stopping = false;
  let typicalSeconds = 1;

  /** Places that are taken: by sources that are being read, and by silent ones beyond the most. */
  const busy = (): number => {
    const since = Date.now() - SILENT_MS;
    const active = [...running.values()].filter((lease) => lease.activeAt >= since).length;
    return Math.max(active, running.size - MOST_SILENT);
  };

  const ahead = (): number => Math.min(MOST_AHEAD, Math.floor((AHEAD_SECONDS * concurrency) / typicalSeconds));

  const take = async (): Promise<number> => {
    const room = concurrency - busy() - ready.length + ahead();
    // Half-full is full enough: fewer, larger takes.
    if (room <= 0 || (ready.length > 0 && room < ahead() / 2)) return 0;
    const until = Date.now() + leaseSeconds * 1000;
    const now = Math.max(0, concurrency - busy() - ready.length);
    const taken = await syncs.take(owner, room, now, leaseSeconds);
    if (taken.length === 0) return 0;
    const leases = taken.map((sync) => hold(sync, until));
    try {
      const known = await deps.connectors.list({ names: taken.map((sync) => sync.connector) });
      const byName = new Map<string, ConnectorRecord>(known.map((connector) => [connector.name, connector]));
      const cursors: Map<string, Cursor> = await deps.connectors.cursors(known.map((connector) => connector.id));
      for (const lease of leases) {
        const connector = byName.get(lease.sync.connector);
        if (connector) ready.push({ sync: lease.sync, connector, cursor: cursors.get(connector.id), lease });
        else void finish(lease, missingConnector(lease.sync), Date.now());
      }
    } catch (error) {
      await giveBack(leases);
      throw error;
    }
    return taken.length;
  };

  const hold = (sync: SyncRecord, until: number): Lease => {
    // This replica may get a sync again whose lease it lost, before it noticed.
    held.get(sync.id)?.abort.abort('lease lost');
    const lease: Lease = {
      sync,
      abort: new AbortController(),
      until,
      begun: false,
      activeAt: Date.now(),
      rows: 0,
      bytes: 0,
    };
    held.set(sync.id, lease);
    return lease;
  };

  const drop = (lease: Lease): boolean => held.get(lease.sync.id) === lease && held.delete(lease.sync.id);

  const giveBack = async (leases: Lease[]): Promise<void> => {
    const ids = leases.filter(drop).map((lease) => lease.sync.id);
    if (ids.length === 0) return;
    await syncs.giveBack(owner, ids).catch((error: unknown) => {
      logger.warn({ syncs: ids, reason: reasonOf(error) }, 'syncs not given back; their leases run out by themselves');
    });
  };

  const finish = async (lease: Lease, result: SyncResult, started: number): Promise<void> => {
    const { sync } = lease;
    const mine = await deps.results.finish(result);
    drop(lease);
    const seconds = (Date.now() - started) / 1000;
    const { state, rows, rejected, bytes, reason } = result;
    const ids = { sync: sync.id, connector: sync.connector, dataset: sync.dataset, trace: traceIdOf(sync.traceparent) };
    if (!mine)
      return logger.warn(
        ids,
        'the result was not stored: the lease was lost, a version came meanwhile and it is read again, or the catalog is away',
      );
    deps.ended(sync, result, seconds);
    const line = { ...ids, state, rows, rejected, bytes, seconds, ...(reason ? { reason } : {}) };
    if (state === 'unchanged') logger.debug(line, 'sync ended');
    else logger.info(line, 'sync ended');
  };

  const start = ({ lease, ...job }: Ready): void => {
    const started = Date.now();
    Object.assign(lease, { activeAt: started, begun: true });
    const active = (rows: number, bytes: number): void => {
      lease.activeAt = Date.now();
      lease.rows += rows;
      lease.bytes += bytes;
      lease.trouble = undefined;
    };
    const failedOnce = (reason: Reason, tries: number): void => {
      Object.assign(lease, { rows: 0, bytes: 0, trouble: { reason, tries, at: new Date().toISOString() } });
    };
    const work = deps
      .run({ ...job, signal: lease.abort.signal, active, failedOnce, holds: () => Date.now() < lease.until })
      .then(
        (result) => {
          void finish(lease, result, started);
        },
        (error: unknown) => {
          logger.warn({ sync: job.sync.id, reason: reasonOf(error) }, 'sync was stopped before its end');
          return giveBack([lease]);
        },
      )
      .finally(() => {
        running.delete(work);
        typicalSeconds = 0.7 * typicalSeconds + 0.3 * Math.max(0.0005, (Date.now() - started) / 1000);
        signalling.signal();
      });
    running.set(work, lease);
  };

  const loop = async (): Promise<void> => {
    while (!stopping) {
      try {
        const taken = await take();
        while (busy() < concurrency) {
          const job = ready.shift();
          if (!job) break;
          start(job);
        }
        if (taken > 0 && busy() < concurrency) continue;
        await signalling.wait(IDLE_POLL_MS);
      } catch (error) {
        logger.error({ reason: reasonOf(error) }, 'taking syncs failed; trying again');
        await signalling.wait(ERROR_WAIT_MS);
      }
    }
  };

  /** Says that reads whose lease ran out did not end with their process, so that nothing is held against their sources. */
  const speakUp = async (): Promise<void> => {
    const ids = [...ranOut].filter((id) => !held.has(id));
    if (ids.length > 0) await syncs.giveBack(owner, ids);
    for (const id of ids) ranOut.delete(id);
  };

  const renew = async (): Promise<void> => {
    await speakUp();
    const leases = [...held.values()];
    if (leases.length === 0) return;
    const until = Date.now() + leaseSeconds * 1000;
    const kept = new Set(await syncs.renew(owner, leases.map(progressOf), leaseSeconds));
    for (const lease of leases) {
      if (held.get(lease.sync.id) !== lease) continue;
      if (kept.has(lease.sync.id)) lease.until = until;
      else lose(lease);
    }
  };
  const lose = (lease: Lease): void => {
    drop(lease);
    const queued = ready.findIndex((job) => job.lease === lease);
    if (queued >= 0) ready.splice(queued, 1);
    lease.abort.abort('lease lost');
  };
  const renewing = setInterval(
    () => {
      renew().catch((error: unknown) => {
        logger.warn({ reason: reasonOf(error) }, 'leases could not be renewed');
        for (const lease of held.values()) {
          if (Date.now() < lease.until) continue;
          ranOut.add(lease.sync.id);
          lose(lease);
        }
      });
    },
    (leaseSeconds * 1000) / 3,
  );

  const looping = loop();
  return {
    wake: () => signalling.signal(),
    async stop(graceMs) {
      stopping = true;
      signalling.signal();
      await looping;
      await giveBack(ready.splice(0).map((job) => job.lease));
      const limit = setTimeout(() => {
        for (const lease of held.values()) lease.abort.abort('shutting down');
      }, graceMs);
      await Promise.all(running.keys());
      clearTimeout(limit);
      await signalling.until(() => held.size === 0, 5_000);
      clearInterval(renewing);
    },
  };
}

const progressOf = ({ sync, begun, rows, bytes, activeAt, trouble }: Lease): ReadProgress => ({
  id: sync.id,
  begun,
  rows,
  bytes,
  ...(begun && { activeAt: new Date(activeAt).toISOString() }),
  trouble,
});

const missingConnector = (sync: SyncRecord): SyncResult => ({
  id: sync.id,
  attempt: sync.attempt,
  state: 'failed',
  rows: 0,
  rejected: 0,
  bytes: 0,
  reason: {
    code: 'connector.missing',
    message: `connector ${sync.connector} was deleted before this sync started; nothing is to be done`,
    actor: 'department',
    retryable: false,
  },
});
