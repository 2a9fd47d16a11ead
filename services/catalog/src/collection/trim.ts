import type { AuditRepository, CollectionRepository } from '@songhua/catalog';
import type { AuditHead } from '@songhua/contracts';
import { daysBefore, type Retention } from './policy.js';
import type { Tally } from './tally.js';

// Rows that one transaction removes: it holds locks of their connectors meanwhile.
const BATCH = 500;

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

/** Rows of the catalog whose time has come, before the objects that they name. */
export async function trim(deps: TrimDeps): Promise<void> {
  const { collection, retention, dryRun, now, tally, told } = deps;
  const { trimmed } = tally.report;
  await told('versions');
  await removeVersions(deps);
  await told('rows of the catalog');
  trimmed.rejected = await collection.trimRejected(daysBefore(now, retention.SONGHUA_GC_REJECTED_DAYS), dryRun);
  const syncs = { before: daysBefore(now, retention.SONGHUA_GC_SYNC_DAYS), kept: retention.SONGHUA_GC_LANDING_KEEP };
  for (;;) {
    const gone = await collection.trimSyncs(syncs, BATCH, dryRun);
    trimmed.syncs += gone;
    if (gone < BATCH || dryRun) break;
    await told(`${trimmed.syncs} syncs`);
  }
  trimmed.outbox = await collection.trimOutbox(daysBefore(now, retention.SONGHUA_GC_OUTBOX_DAYS), dryRun);
  if (retention.SONGHUA_GC_AUDIT_DAYS !== undefined)
    trimmed.audit = await cutAudit(deps, daysBefore(now, retention.SONGHUA_GC_AUDIT_DAYS));
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

/** Behind the newest head that was noted early enough, and only while the whole log is as it was written. */
async function cutAudit({ collection, audit, heads, dryRun, by, tally }: TrimDeps, before: Date): Promise<number> {
  const noted = await heads();
  const newestFirst = [...noted].sort((a, b) => b.sequence - a.sequence);
  let head: AuditHead | undefined;
  for (const one of newestFirst) if (!head && (await collection.isAuditHead(one, before))) head = one;
  if (!head) return 0;
  const { bad } = await audit.verify(noted);
  if (bad) {
    tally.problem(`the audit log was not cut: ${bad.message}`);
    return 0;
  }
  return dryRun ? collection.countAudit(head.sequence) : collection.cutAudit(head, by);
}
