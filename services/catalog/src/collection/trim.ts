import type { AuditRepository, CollectionRepository, SyncPlace, TrimmedSyncs } from '@songhua/catalog';
import type { AuditHead } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import { daysBefore, type Retention } from './policy.js';
import type { Tally } from './tally.js';

// Rows that one transaction removes or looks at: it holds locks of their connectors meanwhile, and is far from the time limit of a statement.
const BATCH = 500;
// Rows of logs, which nobody else locks.
const LOG_BATCH = 5000;

export interface TrimDeps {
  collection: CollectionRepository;
  audit: Pick<AuditRepository, 'verify'>;
  /** Heads of the audit log that were noted outside of the database. */
  heads(): Promise<AuditHead[]>;
  retention: Retention;
  dryRun: boolean;
  now: Date;
  by: string;
  tally: Tally;
  told(stage: string): Promise<void>;
}

/** Rows of the catalog whose time has come, before the objects that they name. What fails is told as a problem and keeps nothing else. */
export async function trim(deps: TrimDeps): Promise<void> {
  const { collection, retention, dryRun, now, tally, told } = deps;
  const { SONGHUA_GC_AUDIT_DAYS: auditDays } = retention;
  const stages: [string, () => Promise<void>][] = [
    ['versions', () => removeVersions(deps)],
    ['rejected rows', () => trimRejected(deps, daysBefore(now, retention.SONGHUA_GC_REJECTED_DAYS))],
    ['syncs', () => trimSyncs(deps)],
    ['events', () => trimOutbox(deps, daysBefore(now, retention.SONGHUA_GC_OUTBOX_DAYS))],
    [
      'cut of the audit log',
      async () => {
        if (auditDays !== undefined) await cutAudit(deps, daysBefore(now, auditDays));
      },
    ],
    // Rows that lie behind a cut are nobody's, also those that an earlier run left when it was stopped.
    [
      'rows of the audit log',
      async () => {
        if (!dryRun) await inBatches(deps, 'audit', LOG_BATCH, (limit) => collection.trimAudit(limit));
      },
    ],
  ];
  for (const [stage, work] of stages) {
    await told(stage);
    try {
      await work();
    } catch (error) {
      const { code, message } = reasonOf(error);
      if (code === 'collection.stopped') throw error;
      tally.problem(`${stage}: not all rows went (${code}: ${message}); the next collection goes on`);
    }
  }
}

/** Calls `step` for a batch at a time, each a transaction of its own, until one is not full. */
async function inBatches(
  { tally, told }: TrimDeps,
  rows: 'rejected' | 'outbox' | 'audit',
  limit: number,
  step: (limit: number) => Promise<number>,
): Promise<void> {
  for (;;) {
    const gone = await step(limit);
    tally.report.trimmed[rows] += gone;
    if (gone < limit) return;
    await told(`${rows}: ${tally.report.trimmed[rows]} rows`);
  }
}

async function trimRejected(deps: TrimDeps, before: Date): Promise<void> {
  const { collection, dryRun, tally } = deps;
  if (dryRun) tally.report.trimmed.rejected = await collection.countRejected(before);
  else await inBatches(deps, 'rejected', BATCH, (limit) => collection.trimRejected(before, limit));
}

async function trimSyncs({ collection, retention, dryRun, now, tally, told }: TrimDeps): Promise<void> {
  const { trimmed } = tally.report;
  const syncs = { before: daysBefore(now, retention.SONGHUA_GC_SYNC_DAYS), kept: retention.SONGHUA_GC_LANDING_KEEP };
  for (let after: SyncPlace | null = null; ; ) {
    const { removed, looked, last }: TrimmedSyncs = await collection.trimSyncs(syncs, after, BATCH, dryRun);
    trimmed.syncs += removed;
    if (looked < BATCH) return;
    after = last;
    await told(`syncs: ${trimmed.syncs} rows`);
  }
}

async function trimOutbox(deps: TrimDeps, before: Date): Promise<void> {
  const { collection, dryRun } = deps;
  let after = 0;
  await inBatches(deps, 'outbox', LOG_BATCH, async (limit) => {
    if (!dryRun) return collection.trimOutbox(before, limit);
    const { count, last } = await collection.countOutbox(before, after, limit);
    after = last ?? after;
    return count;
  });
}

async function removeVersions({ collection, dryRun, now, by, tally }: TrimDeps): Promise<void> {
  for (;;) {
    const gone = dryRun
      ? await collection.expiredVersions(now, BATCH)
      : await collection.expireVersions(now, BATCH, by);
    for (const { dataset, number, bytes, policy } of gone)
      tally.listed(`Dataset/${dataset} version ${number}`, `versions.keep ${policy.keep}`, bytes);
    tally.report.trimmed.versions += gone.length;
    if (gone.length < BATCH || dryRun) return;
  }
}

/**
 * Behind the newest head that was noted early enough, and only while the whole log is as it was written. The log begins there at once, and
 * verifies; the rows behind it go afterwards.
 */
async function cutAudit({ collection, audit, heads, dryRun, by, tally }: TrimDeps, before: Date): Promise<void> {
  const noted = await heads();
  const newestFirst = [...noted].sort((a, b) => b.sequence - a.sequence);
  let head: AuditHead | undefined;
  for (const one of newestFirst) if (!head && (await collection.isAuditHead(one, before))) head = one;
  if (!head) return;
  const { bad } = await audit.verify(noted);
  if (bad) {
    tally.problem(`the audit log was not cut: ${bad.message}`);
    return;
  }
  if (dryRun) tally.report.trimmed.audit = await collection.countAudit(head.sequence);
  else await collection.cutAudit(head, by);
}
