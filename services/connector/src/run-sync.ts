import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectorRecord, SyncRecord, SyncResult } from '@songhua/catalog';
import {
  type Connector,
  type Pushed,
  type SourceLimits,
  type SourceMessage,
  sourceError,
  throwIfAborted,
} from '@songhua/connector-sdk';
import type { ConnectorKinds } from '@songhua/connectors';
import { type Cursor, type SyncScope, TRIES_OF_A_CLAIM, wireAttempt } from '@songhua/contracts';
import { type Reason, reasonOf, SonghuaError } from '@songhua/domain';
import type { Producer } from '@songhua/messaging';
import { type Logger, withFolder } from '@songhua/runtime';
import { parseConfig } from './configs.js';
import { bounded } from './details.js';
import type { NetworkOf } from './networks.js';
import { formsOf, redact, redactedError } from './redact.js';
import type { ResolveSecrets } from './secrets.js';
import { createSender } from './sender.js';

export interface RunDeps {
  producer: Producer;
  topic: string;
  kinds: ConnectorKinds;
  secrets: ResolveSecrets;
  /** The stored values of a connector's secrets. */
  stored(connector: ConnectorRecord): Promise<Record<string, string>>;
  networkOf: NetworkOf;
  /** What was sent to the connector of a sync. */
  pushed(job: Pick<Job, 'sync'>): Pushed;
  tempDir: string;
  limits: SourceLimits;
  logger: Logger;
}

export interface Job {
  sync: SyncRecord;
  connector: ConnectorRecord;
  cursor: Cursor | undefined;
  /** Aborted on shutdown or a lost lease. */
  signal: AbortSignal;
  /** The source sent something: so many rows and bytes more. */
  active(rows: number, bytes: number): void;
  /** This read failed and is tried again. */
  failedOnce(reason: Reason, tries: number): void;
  /** Whether this replica still holds the sync: asked just before the closing event. */
  holds(): boolean;
}

/** The sync is not this replica's to end. */
export const LEASE_LOST = 'sync.lease-lost';
const BACKOFF_MS = [500, 2_000];
// Keeps the pipeline to the broker full while one batch is compressed and another awaits its acknowledgement.
const MAX_BYTES_IN_MEMORY = 2 * 1024 * 1024;

/**
 * Runs one sync to its result: `delivered` when everything is acknowledged by the broker, `unchanged` without touching it, `failed`
 * with the reason. Retryable read failures are tried again a few times. Throws only when `signal` is aborted or the
 * lease is lost; then the sync is not this replica's to end.
 */
export async function runSync(deps: RunDeps, job: Job): Promise<SyncResult> {
  const { sync, signal } = job;
  for (let turn = 1; ; turn++) {
    try {
      return await withFolder(deps.tempDir, 'read', (folder) => readOnce(deps, job, turn, folder));
    } catch (error) {
      throwIfAborted(signal);
      const reason = reasonOf(error);
      if (reason.code === LEASE_LOST) throw error;
      const again = reason.retryable && turn < TRIES_OF_A_CLAIM && reason.retryAfterSeconds === undefined;
      deps.logger.warn(
        { sync: sync.id, connector: sync.connector, dataset: sync.dataset, turn, again, reason },
        'reading the source failed',
      );
      if (!again) return failed(sync, reason);
      job.failedOnce(reason, turn);
      const wait = BACKOFF_MS[turn - 1] ?? 0;
      await delay(wait * (0.5 + Math.random()), undefined, { signal }).catch(() => throwIfAborted(signal));
    }
  }
}

const failed = (sync: SyncRecord, reason: Reason): SyncResult => ({
  id: sync.id,
  attempt: sync.attempt,
  state: 'failed',
  rows: 0,
  rejected: 0,
  bytes: 0,
  reason,
});

async function readOnce(deps: RunDeps, job: Job, turn: number, tempDir: string): Promise<SyncResult> {
  const { sync, connector } = job;
  const kind = kindOf(deps.kinds, connector.kind);
  if (sync.range && !kind.ranges)
    throw sourceError(
      'connector.config-invalid',
      `kind ${connector.kind} has no cursor values, so no range of them can be read; read everything with --full`,
    );
  const startedAt = new Date().toISOString();
  const limit = AbortSignal.timeout(deps.limits.timeoutMs);
  const context = {
    config: parseConfig(kind, connector.spec.config),
    secrets: await deps.secrets(connector.spec.secrets, () => deps.stored(connector)),
    cursor: sync.full ? undefined : job.cursor,
    signal: AbortSignal.any([job.signal, limit]),
    tempDir,
    limits: deps.limits,
    mode: connector.mode,
    primaryKey: connector.primaryKey,
    ...(sync.range && { range: sync.range }),
    department: connector.department,
    network: deps.networkOf(connector.department),
    pushed: deps.pushed(job),
  };
  const hidden = formsOf(context.secrets);
  const sender = createSender(
    deps,
    {
      dataset: sync.dataset,
      connector: sync.connector,
      sync: sync.id,
      attempt: wireAttempt(sync.attempt, turn),
      traceparent: sync.traceparent,
    },
    MAX_BYTES_IN_MEMORY,
  );
  let start: Omit<Extract<SourceMessage, { type: 'start' }>, 'type'> = { columns: [] };
  const result = { id: sync.id, attempt: sync.attempt };
  try {
    for await (const message of kind.read(context)) {
      if (message.type === 'rows') job.active(message.rows, message.csv.length);
      else job.active(0, 0);
      if (message.type === 'unchanged') {
        const { validators } = message;
        // What holds for a range need not hold for the rest.
        const kept = validators && !sync.range ? { validators } : {};
        return { ...result, state: 'unchanged', rows: 0, rejected: 0, bytes: 0, ...kept };
      }
      if (message.type === 'start') start = message;
      else if (message.type === 'rows') await sender.rows(message.csv, message.rows);
      else if (message.type === 'rejected') await sender.rejected(message.rows);
      else if (message.type === 'lines') await sender.lines(message.runs);
      else {
        const { files, warnings } = redact({ files: message.files, warnings: bounded(message.warnings ?? []) }, hidden);
        throwIfAborted(job.signal);
        if (warnings.length > 0)
          deps.logger.warn({ sync: sync.id, dataset: sync.dataset, warnings }, 'read with warnings');
        const { rows, rejected, bytes } = await sender.complete(
          {
            details: {
              columns: start.columns,
              files,
              cursor: sync.range ? (job.cursor ?? {}) : message.cursor,
              ...(warnings.length > 0 ? { warnings } : {}),
            },
            event: (totals) => ({
              ...totals,
              mode: connector.mode,
              number: sync.number,
              scope: scopeOf(job, start.scope),
              operations: start.operations ?? false,
              reset: sync.reset,
              startedAt,
              completedAt: new Date().toISOString(),
            }),
          },
          () => assertHeld(job),
        );
        return { ...result, state: 'delivered', rows, rejected, bytes };
      }
    }
    throw new SonghuaError(
      'connector.no-end',
      `kind ${connector.kind} ended without saying so; report this as a defect`,
    );
  } catch (error) {
    if (limit.aborted && !job.signal.aborted)
      throw sourceError(
        'source.timeout',
        `the source was not read within ${deps.limits.timeoutMs / 1000} s; make it smaller, or ask the operator for a longer limit`,
        { cause: error },
      );
    throw redactedError(error, hidden);
  } finally {
    await sender.settled();
  }
}

/** Throws `connector.scope` when a part would be published as the whole. */
function scopeOf({ sync, connector }: Job, told: SyncScope | undefined): SyncScope {
  if (sync.range) return 'part';
  if (connector.mode !== 'full') return told ?? 'part';
  if (told !== 'part') return 'all';
  throw new SonghuaError(
    'connector.scope',
    `kind ${connector.kind} read a part of its source in mode full, which publishes the whole; report this as a defect`,
  );
}

function assertHeld(job: Job): void {
  throwIfAborted(job.signal);
  if (!job.holds()) throw new SonghuaError(LEASE_LOST, `sync ${job.sync.id} belongs to another replica by now`);
}

/** Throws `connector.kind-unknown` for a kind that is not in the registry. */
export function kindOf(kinds: ConnectorKinds, kind: string): Connector {
  const known = kinds.get(kind);
  if (known) return known;
  const names = kinds.list().map((one) => one.kind);
  throw new SonghuaError('connector.kind-unknown', `kind ${kind} is not known; use one of ${names.join(', ')}`, {
    actor: 'department',
  });
}
