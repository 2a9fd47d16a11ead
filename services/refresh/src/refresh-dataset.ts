import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  RefreshContext,
  RefreshRepository,
  RejectedSummary,
  ReplayedRows,
  ReplayRepository,
} from '@songhua/catalog';
import {
  type Cursor,
  keys,
  type LandedSync,
  type Manifest,
  type RefreshOutcome,
  type ReplayReference,
} from '@songhua/contracts';
import { codeOf, type Reason, reasonOf, SonghuaError } from '@songhua/domain';
import { commitManifest, type ObjectStore, uploadVerified } from '@songhua/object-store';
import type { NormalizeResult, Tables } from '@songhua/tables';
import { z } from 'zod';
import { fetchLanding, type LocalLanding } from './landing.js';
import { normalizeLanded, OUT } from './normalize-landed.js';
import { storeRejected } from './rejected.js';
import { computeReplay } from './replay.js';

const guardDetails = z.object({ rejected: z.int(), byCode: z.record(z.string(), z.int()) });

export interface RefreshDeps {
  store: ObjectStore;
  refreshes: RefreshRepository;
  replays: ReplayRepository;
  tables: Tables;
  /** A folder on local disk; each refresh uses one of its own in it and removes it. */
  tempDirectory: string;
}

/**
 * Takes one landed sync to its terminal state: a new version, "checked, unchanged", or the outcome it already has.
 * Throws a SonghuaError when it cannot; nothing is half-published then, because the manifest and the catalog transaction are
 * the only steps that others see (I2).
 */
export async function refreshDataset(deps: RefreshDeps, sync: LandedSync): Promise<RefreshOutcome> {
  const folder = join(deps.tempDirectory, `${sync.sync}-${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true });
  try {
    return await refreshIn(deps, sync, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function refreshIn(deps: RefreshDeps, sync: LandedSync, folder: string): Promise<RefreshOutcome> {
  if (sync.problem || !sync.manifest)
    throw asError(
      sync.problem ?? {
        code: 'landing.missing',
        message: 'the sync has no landing manifest; run it again',
        actor: 'platform',
        retryable: false,
      },
    );
  const context = await deps.refreshes.begin(sync);
  if (context.handled && !(context.handled.state === 'held' && sync.overrides?.length)) return context.handled;

  if (sync.replay) return replay(deps, { ...sync, replay: sync.replay }, context, folder);
  const landing = await fetchLanding(deps.store, sync.manifest, folder);
  const { details } = landing;
  const { completed } = landing.manifest;
  let result: NormalizeResult;
  try {
    const landed = {
      parts: landing.rows,
      columns: details.columns,
      files: details.files,
      lines: landing.lines,
      rows: completed.rows,
      readerRejected: completed.rejected,
      mode: completed.mode,
      scope: completed.scope,
      operations: completed.operations,
      reset: completed.reset,
      overrides: sync.overrides ?? [],
    };
    result = await normalizeLanded(deps, context, landed, folder);
  } catch (error) {
    if (codeOf(error) === 'guard.rejected') return holdRejected(deps, sync, landing, error as SonghuaError, folder);
    throw error;
  }
  const rejected = await storeRejected(deps.store, landing, result.rejected, folder);
  const changedAt = sourceChangedAt(landing);

  if (context.current?.identity === result.identity) {
    const outcome: RefreshOutcome = {
      dataset: sync.dataset,
      sync: sync.sync,
      state: 'unchanged',
      version: context.current.version,
    };
    await deps.refreshes.finish(sync, outcome, { cursor: details.cursor, rejected, sourceChangedAt: changedAt });
    return outcome;
  }

  return publish(deps, sync, context, { landing, cursor: details.cursor, result, rejected });
}

/** Rejected rows of an earlier sync, read again by the rules of today: onto what is served, without moving cursor or clocks. */
async function replay(
  deps: RefreshDeps,
  sync: ReplayReference,
  context: RefreshContext,
  folder: string,
): Promise<RefreshOutcome> {
  const { landing, source, result, store } = await computeReplay(deps, sync, context, { folder, opened: true });
  const left = await store(sync.sync);
  const rejected: RejectedSummary = { count: 0, byCode: {} };
  const { current } = context;
  if (current?.identity === result.identity) {
    const { version } = current;
    const outcome: RefreshOutcome = { dataset: sync.dataset, sync: sync.sync, state: 'unchanged', version };
    await deps.refreshes.finish(sync, outcome, { rejected, replayed: { ...left, version } });
    return outcome;
  }
  return publish(deps, sync, context, { landing, cursor: source.cursor, result, rejected, replayed: left });
}

/** Too many rows were rejected: a person decides, and sees every one of them meanwhile (I4). */
async function holdRejected(
  deps: RefreshDeps,
  sync: LandedSync,
  landing: LocalLanding,
  error: SonghuaError,
  folder: string,
): Promise<RefreshOutcome> {
  const { rejected, byCode } = guardDetails.parse(error.details);
  const count = rejected - landing.manifest.completed.rejected;
  const path = join(folder, OUT, 'rejected.ndjson.gz');
  const kept = await storeRejected(deps.store, landing, count > 0 ? { path, count, byCode } : undefined, folder);
  const outcome: RefreshOutcome = { dataset: sync.dataset, sync: sync.sync, state: 'held', reason: reasonOf(error) };
  await deps.refreshes.finish(sync, outcome, { rejected: kept });
  return outcome;
}

/**
 * The commit protocol: files, manifest, catalog. A number whose manifest belongs to another sync is the trace of a refresh that died
 * between manifest and catalog; nobody was ever told of it, so the next number is taken and the trace is left to the collector.
 */
async function publish(
  deps: RefreshDeps,
  sync: LandedSync,
  context: RefreshContext,
  made: {
    landing: LocalLanding;
    cursor: Cursor;
    result: NormalizeResult;
    rejected: RejectedSummary;
    replayed?: Omit<ReplayedRows, 'version'>;
  },
): Promise<RefreshOutcome> {
  const { landing, cursor, result, rejected, replayed } = made;
  const { files: sourceFiles, warnings } = landing.details;
  const attempt = `${sync.attempt}-${randomBytes(6).toString('hex')}`;
  for (let version = (context.current?.version ?? 0) + 1; ; version++) {
    const number = version;
    const files = await Promise.all(
      result.files.map((file) =>
        uploadVerified(deps.store, { ...file, key: keys.versionFile(sync.datasetId, number, attempt, file.name) }),
      ),
    );
    const manifest: Manifest = {
      schema: 'songhua.manifest/1',
      dataset: sync.dataset,
      datasetId: sync.datasetId,
      version,
      identity: result.identity,
      previous: context.current && { version: context.current.version, identity: context.current.identity },
      columns: result.schema.columns,
      primaryKey: result.schema.primaryKey,
      rows: result.rows,
      counts: result.counts,
      changes: result.changes,
      files,
      source: {
        connector: sync.connector,
        sync: sync.sync,
        number: sync.number,
        files: sourceFiles,
        changedAt: sourceChangedAt(landing),
        ...(warnings && { warnings }),
      },
      cursor,
      createdAt: new Date().toISOString(),
      traceparent: sync.traceparent,
    };
    const committed = await commitManifest(deps.store, manifest);
    if (committed.outcome === 'other') continue;
    await deps.refreshes.publish(
      committed.manifest,
      keys.manifest(sync.datasetId, version),
      rejected,
      replayed && { ...replayed, version },
    );
    return { dataset: sync.dataset, sync: sync.sync, state: 'published', version };
  }
}

/** The latest change that the source's files state, when any does. */
function sourceChangedAt({ details }: LocalLanding): string | null {
  const times = details.files.flatMap((file) => file.modifiedAt ?? []).sort();
  return times.at(-1) ?? null;
}

function asError(reason: Reason): SonghuaError {
  return new SonghuaError(reason.code, reason.message, { retryable: reason.retryable, actor: reason.actor });
}
