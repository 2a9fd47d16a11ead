import type { AuditEntry, AuditHead, AuditVerdict, KeyEntry, KeyRequest } from '@songhua/contracts';
import type { NewApiKey, Principal } from '@songhua/domain';

/**
 * What has an owner: connectors and datasets by name, syncs by id, requests ("run now") by id, earlier revisions of datasets as
 * `<name>/<number>`.
 */
export type OwnedKind = 'connector' | 'dataset' | 'sync' | 'request' | 'revision';

export interface StoredKey {
  hash: Buffer;
  principal: Principal;
  state: KeyEntry['state'];
  /** Whether its use in this hour is noted already. */
  noted: boolean;
}

/** Keys, and whose things are. Written by the catalog service only, each change with its audit row. */
export interface AccessRepository {
  key(id: string): Promise<StoredKey | undefined>;
  /** Notes that a key was used, to the hour. */
  touch(id: string): Promise<void>;
  keys(): Promise<KeyEntry[]>;
  /** Throws `catalog.reference` when the department does not exist. */
  createKey(made: NewApiKey, request: KeyRequest, actor: string): Promise<KeyEntry>;
  /** Another key with the same rights; the old one ends after `graceSeconds`. Undefined when there is no active key of this id. */
  rotateKey(id: string, made: NewApiKey, graceSeconds: number, actor: string): Promise<KeyEntry | undefined>;
  /** Undefined when there is no such key; one that is revoked already stays as it is. */
  revokeKey(id: string, actor: string): Promise<KeyEntry | undefined>;
  /** Stores the first operator's key unless it is known already, even if revoked since. True when it was stored now. */
  ensureOperator(key: string): Promise<boolean>;
  /** One row for each name that exists (for a request: for each department that it touches). Deleted connectors still have an owner. */
  owners(kind: OwnedKind, names: readonly string[]): Promise<{ name: string; department: string }[]>;
}

export interface AuditQuery {
  actor?: string | undefined;
  action?: string | undefined;
  subject?: string | undefined;
  from?: string | undefined;
  until?: string | undefined;
  /** Only rows before this sequence number: pages go backwards from the newest. */
  before?: number | undefined;
  limit: number;
}

/** The hash-chained log. Rows are appended in the transaction of what they tell of, and never changed. */
export interface AuditRepository {
  append(actor: string, action: string, subject: string, detail: Record<string, unknown>): Promise<void>;
  /** Newest first. */
  list(query: AuditQuery): Promise<AuditEntry[]>;
  /** Sequence 0 and an empty hash when nothing was logged yet. */
  head(): Promise<AuditHead>;
  /** Reads the whole log in bounded memory and holds it against heads that were noted earlier. */
  verify(anchors: readonly AuditHead[]): Promise<AuditVerdict>;
}
