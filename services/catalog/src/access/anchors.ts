import type { AuditRepository } from '@songhua/catalog';
import { AUDIT_HEADS, type AuditHead, auditHeadSchema, keys } from '@songhua/contracts';
import { canonicalJson, reasonOf } from '@songhua/domain';
import { type ObjectStore, readJson } from '@songhua/object-store';
import type { Logger } from '@songhua/runtime';

const EVERY_MS = 10 * 60_000;
const MAX_BYTES = 1024;

/** Heads of the audit log, noted where whoever holds the database's password cannot reach: one object a day, and log lines. */
export interface Anchors {
  /** Notes the head if it moved. */
  note(): Promise<void>;
  /** What was noted, one a day. */
  list(): Promise<AuditHead[]>;
  close(): Promise<void>;
}

export function startAnchors(deps: {
  audit: AuditRepository;
  store: ObjectStore;
  logger: Logger;
  now(): Date;
}): Anchors {
  const { audit, store, logger } = deps;
  let noted = 0;

  const note = async (): Promise<void> => {
    const head = await audit.head();
    if (head.sequence <= noted) return;
    const key = keys.auditHead(deps.now().toISOString().slice(0, 10));
    // Another replica may have noted a later one; a log that was cut off must not cover that up.
    const before = await readJson(store, key, auditHeadSchema, MAX_BYTES);
    if (!before || before.sequence < head.sequence)
      await store.put(key, Buffer.from(canonicalJson(head)), 'application/json');
    noted = head.sequence;
    logger.info({ auditHead: `${head.sequence}:${head.hash}` }, 'head of the audit log');
  };
  const quietly = (): Promise<void> =>
    note().catch((error: unknown) =>
      logger.warn({ reason: reasonOf(error) }, 'the head of the audit log could not be noted'),
    );

  const timer = setInterval(() => void quietly(), EVERY_MS);
  timer.unref();
  let running = quietly();

  return {
    note: () => (running = running.then(note)),
    async list() {
      const heads: AuditHead[] = [];
      for await (const { key } of store.list(AUDIT_HEADS)) {
        const head = await readJson(store, key, auditHeadSchema, MAX_BYTES);
        if (head) heads.push(head);
      }
      return heads;
    },
    async close() {
      clearInterval(timer);
      await running.catch(() => undefined);
      await quietly();
    },
  };
}
