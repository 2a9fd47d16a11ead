/**
 * A sync reads one source once. `delivered`: every batch is in Kafka, the refresh decides the rest.
 * `unchanged`: checked, nothing new. `failed` carries a Reason.
 */
export const SYNC_STATES = ['queued', 'reading', 'delivered', 'unchanged', 'failed'] as const;
export type SyncState = (typeof SYNC_STATES)[number];

/** A refresh turns one delivered sync into a version or says why not. All but `running` are terminal; `held` waits for a person. */
export const REFRESH_STATES = ['running', 'published', 'unchanged', 'superseded', 'held', 'failed'] as const;
export type RefreshState = (typeof REFRESH_STATES)[number];
