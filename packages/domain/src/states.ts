/**
 * Where a sync is, from requested to its end; it has one state at a time.
 *
 * - `queued`, `reading`: it waits for its source to be read, and is read.
 * - `delivered`: every batch is acknowledged by the broker. `landed`: every batch is in the object store, and its lane is told.
 * - `refreshing`: rows are normalized and compared. `held`: a person must decide.
 * - `published`, `unchanged` (nothing new), `superseded` (a later one has what it had), `failed` (with a reason): the ends.
 */
export const SYNC_STATES = [
  'queued',
  'reading',
  'delivered',
  'landed',
  'refreshing',
  'held',
  'published',
  'unchanged',
  'superseded',
  'failed',
] as const;
export type SyncState = (typeof SYNC_STATES)[number];

export const SYNC_ENDS = ['published', 'unchanged', 'superseded', 'failed'] as const satisfies readonly SyncState[];

/** The part of a sync's state that is about refreshing what landed. */
export const REFRESH_STATES = ['running', 'published', 'unchanged', 'superseded', 'held', 'failed'] as const;
export type RefreshState = (typeof REFRESH_STATES)[number];

/** Of a sync that has landed. */
export const refreshStateOf = (state: SyncState): RefreshState =>
  state === 'queued' || state === 'reading' || state === 'delivered' || state === 'landed' || state === 'refreshing'
    ? 'running'
    : state;
