import { Readable } from 'node:stream';
import { assertReplayable, type RefreshContext, type RejectedSummary, type ReplayedRows } from '@songhua/catalog';
import { type Cursor, keys, type LaneReference, type Manifest } from '@songhua/contracts';
import { type Reason, reasonOf, SonghuaError } from '@songhua/domain';
import { commitManifest, type ObjectStore } from '@songhua/object-store';
import type { Bucket, History, Process } from './history.js';
import { mayPass } from './memory.js';
import { applied, identityOf, type Read, type Rows } from './source.js';

/** What befalls a worker at a step; otherwise it goes on. */
export const WORKER_FAILS = 1;
export const WORKER_TRIES_AGAIN = 2;

const FLAG = 'guard.shrink';
const held: Reason = { code: FLAG, message: 'somebody must look at it', actor: 'department', retryable: false };
const broken: Reason = { code: 'table.broken', message: 'it cannot be read', actor: 'department', retryable: false };

interface Candidate {
  table: Rows;
  read: Pick<Read, 'cursor' | 'flagged'>;
  rejected: RejectedSummary;
  replayed?: Omit<ReplayedRows, 'version'>;
}

const NONE: RejectedSummary = { count: 0, byCode: {} };

/** A worker that refreshes one sync; `done`: its lane may forget it. */
export async function* refreshing(history: History, reference: LaneReference, done: () => void): Process {
  const { restores } = history;
  const began = { yes: false };
  try {
    yield* refresh(history, reference, began);
    done();
  } catch (error) {
    const reason = reasonOf(error);
    // Its lane keeps it, and has it tried again.
    if (reason.retryable) return;
    // A sync of a lost future is known no more.
    if (began.yes && restores === history.restores) history.memory.failures.push(reason.code);
    await recordFailure(history, reference, reason);
    done();
  }
}

/** Ends a refresh in failure, as the activity does: what cannot be recorded is not. */
export async function recordFailure({ catalog }: History, reference: LaneReference, reason: Reason): Promise<void> {
  const outcome = { sync: reference.sync, state: 'failed' as const, reason };
  await catalog.refreshes.finish(reference, outcome, {}).catch((error: unknown) => {
    if (reasonOf(error).code !== 'sync.unknown') throw error;
  });
}

async function* refresh(history: History, reference: LaneReference, began: { yes: boolean }): Process {
  const { catalog, bucket } = history;
  const context = await catalog.refreshes.begin(reference);
  began.yes = true;
  if (context.handled) return;
  const luck = yield;
  if (luck === WORKER_TRIES_AGAIN)
    throw new SonghuaError('object.unavailable', 'the store is away', { retryable: true });
  if (luck === WORKER_FAILS)
    return catalog.refreshes.finish(reference, { sync: reference.sync, state: 'failed', reason: broken }, {});
  const candidate = context.sync.replay
    ? await replayed(history, reference, context)
    : context.sync.rollback
      ? rolledBack(history, context, context.sync.rollback)
      : landed(history, context, bucket.landings.get(context.sync.landing) as Read);
  yield;
  if (candidate.read.flagged) {
    if (!context.sync.approved.includes(FLAG)) {
      const outcome = { sync: reference.sync, state: 'held' as const, reason: held };
      return catalog.refreshes.finish(reference, outcome, { rejected: candidate.rejected });
    }
    mayPass(history.memory, context, bucket.landings.get(context.sync.landing));
  }
  const { table, rejected, read } = candidate;
  const identity = identityOf(table);
  if (context.current?.identity === identity) {
    const { version } = context.current;
    const effects = candidate.replayed
      ? { rejected, replayed: { ...candidate.replayed, version } }
      : { rejected, cursor: read.cursor, sourceChangedAt: null };
    return catalog.refreshes.finish(reference, { sync: reference.sync, state: 'unchanged', version }, effects);
  }
  for (let version = (context.current?.version ?? 0) + 1; ; version++) {
    const manifest = manifestOf(history, context, candidate, { version, identity, place: `p${bucket.tables.size}` });
    const { outcome, manifest: standing } = await commitManifest(storeOf(bucket), manifest);
    yield;
    if (outcome === 'other') continue;
    await catalog.refreshes.publish(standing, keys.manifest(standing.datasetId, version), rejected, {
      ...(candidate.replayed && { replayed: { ...candidate.replayed, version } }),
    });
    return;
  }
}

const tableOf = ({ bucket }: History, { current }: RefreshContext): Rows =>
  current ? (bucket.tables.get(current.parquetKey) as Rows) : {};

function landed(history: History, context: RefreshContext, read: Read): Candidate {
  const count = history.mended ? 0 : read.rejected.length;
  const key = keys.rejected(context.dataset.id, context.sync.id);
  if (count > 0) history.bucket.quarantine.set(key, read.rejected);
  return {
    table: applied(history.way, tableOf(history, context), read),
    read,
    rejected: count > 0 ? { count, byCode: { 'cell.type': count }, key } : NONE,
  };
}

/** The table of an earlier version, as its manifest names it. */
function rolledBack(
  { bucket }: History,
  { dataset }: RefreshContext,
  to: { version: number; cursor: Cursor },
): Candidate {
  const { files }: Manifest = JSON.parse(bucket.objects.get(keys.manifest(dataset.id, to.version))?.toString() ?? '{}');
  const table = bucket.tables.get(files[0]?.key ?? '') as Rows;
  return { table, read: { cursor: to.cursor, flagged: false }, rejected: NONE };
}

/** The first of the rejected rows passes by the rules of today, and everything that the sync read is applied again with it. */
async function replayed(history: History, { sync }: LaneReference, context: RefreshContext): Promise<Candidate> {
  const { catalog, bucket, way } = history;
  const of = context.sync.replay?.sync ?? '';
  const source = assertReplayable(of, await catalog.replays.source(of, sync));
  const [passing, ...left] = bucket.quarantine.get(source.rejected ?? '') as string[];
  const read = bucket.landings.get(context.sync.landing) as Read;
  const suffix = way === 'merge' ? read.rows : {};
  const keyLeft = keys.stillRejected(context.dataset.id, of, sync);
  bucket.quarantine.set(keyLeft, left);
  return {
    table: { ...tableOf(history, context), ...suffix, [`passed ${passing}`]: 'yes' },
    read: { cursor: source.cursor, flagged: passing === 'x5' },
    rejected: NONE,
    replayed: {
      of,
      replayed: { count: 1, key: keys.replayed(context.dataset.id, of, sync) },
      remaining: {
        count: left.length,
        byCode: left.length > 0 ? { 'cell.type': left.length } : {},
        groups: [],
        ...(left.length > 0 && { key: keyLeft }),
      },
    },
  };
}

function manifestOf(
  { bucket }: History,
  { sync, dataset, current }: RefreshContext,
  { table, read, rejected }: Candidate,
  made: { version: number; identity: string; place: string },
): Manifest {
  const { version, identity, place } = made;
  const rows = Object.keys(table).length;
  const key = keys.versionFile(dataset.id, version, place, 'data.parquet');
  bucket.tables.set(key, table);
  return {
    schema: 'songhua.manifest/1',
    dataset: dataset.name,
    datasetId: dataset.id,
    version,
    identity,
    previous: current && { version: current.version, identity: current.identity },
    columns: [{ name: 'key', type: 'string', nullable: false }],
    primaryKey: [],
    rows,
    counts: {
      read: rows + rejected.count,
      published: rows,
      unchanged: 0,
      deduplicated: 0,
      deleted: 0,
      withheld: 0,
      rejected: rejected.count,
    },
    changes: { added: rows, changed: 0, removed: 0 },
    files: [
      { name: 'data.parquet', key, mediaType: 'application/vnd.apache.parquet', bytes: 1, sha256: identity.slice(7) },
    ],
    source: { connector: sync.connector, sync: sync.id, number: sync.number, files: [], changedAt: null },
    cursor: read.cursor,
    createdAt: '2026-11-30T00:00:00.000Z',
    traceparent: sync.traceparent,
  };
}

/** As much of the object store as the commit of a manifest asks for. */
const storeOf = ({ objects }: Bucket): ObjectStore =>
  ({
    async putIfAbsent(key: string, body: Buffer) {
      if (objects.has(key)) return 'exists';
      objects.set(key, body);
      return 'created';
    },
    readAll: async (key: string) => objects.get(key),
    read: async (key: string) => Readable.from([objects.get(key)]),
    stat: async (key: string) => (objects.has(key) ? { key } : undefined),
  }) as unknown as ObjectStore;
