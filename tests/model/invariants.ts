import { SYNC_ENDS, type SyncState } from '@songhua/domain';
import type { History } from './history.js';
import { applied, passedOver, type Rows } from './source.js';

export interface SyncView {
  id: string;
  number: number;
  attempt: number;
  state: SyncState;
  purpose: string;
  reason: { code?: string; actor?: string } | null;
  version: number | null;
  landing: string | null;
  rejected: number;
  /** It read everything that there is. */
  whole: boolean;
  rollbackTo: number | null;
}

export interface View {
  syncs: SyncView[];
  versions: {
    number: number;
    identity: string;
    previous: number | null;
    manifest: string;
    sync: string;
    file: string;
    told: number;
    kept: number;
  }[];
  pointer: { number: number; identity: string } | null;
  cursor: { number: number; sync: string; cursor: Record<string, unknown> } | null;
  settled: number;
  pushes: { number: number; name: string; lost: boolean }[];
}

const VIEW = `SELECT jsonb_build_object(
  'syncs', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'number', s.number, 'attempt', s.attempt, 'state', s.state,
      'purpose', s.purpose, 'reason', s.reason, 'version', s.version, 'landing', s.landing_key, 'rejected', coalesce(q.count, 0),
      'whole', s.purpose = 'read' AND (c.mode = 'full' OR s.full_read), 'rollbackTo', s.rollback_to)
    ORDER BY s.number), '[]') FROM sync s LEFT JOIN rejected_summary q ON q.sync_id = s.id WHERE s.connector_id = c.id),
  'versions', (SELECT coalesce(jsonb_agg(jsonb_build_object('number', v.number, 'identity', v.identity, 'previous', v.previous_number,
      'manifest', v.manifest_key, 'sync', v.sync_id, 'file', v.files #>> '{0,key}', 'told', v.rejected,
      'kept', coalesce((SELECT q.count FROM rejected_summary q WHERE q.sync_id = v.sync_id), 0)
        + (SELECT coalesce(sum(r.count), 0) FROM quarantine_replay r WHERE r.replay_of = v.sync_id)) ORDER BY v.number), '[]')
    FROM version v WHERE v.dataset_id = c.dataset_id),
  'pointer', (SELECT jsonb_build_object('number', number, 'identity', identity) FROM current_pointer WHERE dataset_id = c.dataset_id),
  'cursor', (SELECT jsonb_build_object('number', number, 'sync', sync_id, 'cursor', cursor) FROM connector_cursor WHERE connector_id = c.id),
  'settled', c.settled_number,
  'pushes', (SELECT coalesce(jsonb_agg(jsonb_build_object('number', s.number, 'name', i.name,
      'lost', coalesce(i.standing = 'refused', false))), '[]')
    FROM ingest i JOIN sync s ON s.id = i.sync_id WHERE i.connector_id = c.id)) AS view
  FROM connector c WHERE c.id = $1`;

export async function look({ world, connector }: History): Promise<View> {
  return (await world.database.query({ name: 'view', text: VIEW, values: [connector.id] })).rows[0].view;
}

export const isEnd = (state: SyncState): boolean => (SYNC_ENDS as readonly SyncState[]).includes(state);

/** What is served. */
export function served({ bucket }: History, { versions, pointer }: View): Rows {
  const file = versions.find(({ number }) => number === pointer?.number)?.file;
  return (file !== undefined && bucket.tables.get(file)) || {};
}

/** Whether what is served goes on from a version that somebody rolled back to, and all that there is was not read since. */
export function isRolledBack({ syncs }: View): boolean {
  const ended = syncs.filter(({ state }) => state === 'published' || state === 'unchanged');
  const read = Math.max(0, ...ended.map(({ whole, version }) => (whole && version) || 0));
  return ended.some(
    ({ purpose, state, version }) => purpose === 'rollback' && state === 'published' && (version ?? 0) > read,
  );
}

// What a worker may come to when the source's rows were replaced, or its reader broke.
const EXPECTED_FAILURES = ['replay.missing', 'replay.outdated', 'replay.unpublished'];

/** Everything that must hold now and does not. What is seen is remembered, for what must not change later. */
export function brokenBy(history: History, view: View): string[] {
  const { memory } = history;
  const found = [...memory.broken];
  for (const code of memory.failures) if (!EXPECTED_FAILURES.includes(code)) found.push(`a worker failed with ${code}`);
  found.push(...versionsBroken(history, view), ...syncsBroken(history, view), ...cursorBroken(history, view));
  return found;
}

function versionsBroken({ memory, bucket }: History, { versions, pointer, syncs }: View): string[] {
  const found: string[] = [];
  const seen = memory.catalog.versions;
  for (const [number, before] of seen)
    if (!versions.some((version) => version.number === number)) found.push(`I1 version ${number} is gone: ${before}`);
  for (const [position, version] of versions.entries()) {
    const { number, identity, manifest } = version;
    const kept = JSON.stringify({ identity, manifest, file: version.file, sync: version.sync });
    if ((seen.get(number) ?? kept) !== kept) found.push(`I1 version ${number} was ${seen.get(number)} and is ${kept}`);
    seen.set(number, kept);
    const standing = JSON.parse(bucket.objects.get(manifest)?.toString() ?? '{}');
    if (standing.identity !== identity || standing.source?.sync !== version.sync)
      found.push(`I1 version ${number} is not what its manifest says`);
    const before = versions[position - 1];
    if (before?.identity === identity) found.push(`I3 version ${number} is the same as ${before.number}`);
    if (version.previous !== (before?.number ?? null))
      found.push(`I2 version ${number} does not follow the one before`);
    const sync = syncs.find(({ id }) => id === version.sync);
    if (sync?.state !== 'published' || sync.version !== number)
      found.push(`version ${number} is of a sync that is ${sync?.state}`);
    if (sync?.purpose === 'rollback' && versions.find((one) => one.number === sync.rollbackTo)?.identity !== identity)
      found.push(`version ${number} is not what version ${sync.rollbackTo} was`);
    if (sync?.purpose !== 'replay' && version.told !== version.kept)
      found.push(`I4 version ${number}: ${version.told} rows rejected, ${version.kept} kept`);
  }
  const last = versions.at(-1);
  if (last?.number !== pointer?.number || last?.identity !== pointer?.identity)
    found.push(`I2 the pointer names ${pointer?.number}, the last version is ${last?.number}`);
  return found;
}

function syncsBroken({ memory }: History, { syncs, settled, versions }: View): string[] {
  const found: string[] = [];
  const before = memory.catalog;
  for (const sync of syncs) {
    const { id, state, attempt, reason } = sync;
    const was = before.syncs.get(id);
    if (was && isEnd(was.state) && was.state !== state) found.push(`${id} was ${was.state} and is ${state}`);
    if (was && attempt < was.attempt) found.push(`${id} was in attempt ${was.attempt} and is in ${attempt}`);
    if ((state === 'failed' || state === 'held') && !(reason?.code && reason.actor))
      found.push(`I7 ${id} is ${state} without a reason`);
    if (state === 'published' && !versions.some((version) => version.sync === id))
      found.push(`${id} is published without a version`);
    before.syncs.set(id, { state, attempt });
  }
  const holds = syncs.filter(({ state, purpose }) => state === 'held' && purpose === 'read');
  if (holds.length > 1) found.push(`${holds.length} reads are held`);
  for (const { id, number } of holds) if (number < settled) found.push(`${id} is held, and a later read is settled`);
  if (settled < before.settled) found.push(`settled went from ${before.settled} to ${settled}`);
  before.settled = settled;
  return found;
}

function cursorBroken(history: History, view: View): string[] {
  const { memory, way } = history;
  const { cursor, syncs, pushes } = view;
  const found: string[] = [];
  if (!cursor) return memory.catalog.cursor > 0 ? ['I5 the cursor is gone'] : [];
  const of = syncs.find(({ id }) => id === cursor.sync);
  if (of?.purpose !== 'read' || !['published', 'unchanged'].includes(of.state) || of.number !== cursor.number)
    found.push(`I5 the cursor is of ${cursor.sync}, a ${of?.purpose} that is ${of?.state}`);
  if (cursor.number < memory.catalog.cursor)
    found.push(`I5 the cursor went from ${memory.catalog.cursor} to ${cursor.number}`);
  memory.catalog.cursor = cursor.number;
  // Somebody has taken back what was read.
  if (isRolledBack(view)) return found;
  const table = served(history, view);
  const missing =
    way === 'push'
      ? pushes
          .filter(({ number, name, lost }) => number <= Number(cursor.cursor.number) && !lost && !table[name])
          .map(({ name }) => name)
      : passedOver(way, table, cursor.cursor);
  for (const what of missing)
    found.push(`I5 the cursor ${JSON.stringify(cursor.cursor)} is past ${what}, which is not served`);
  return found;
}

/** Whether what is served is what the source has. */
export function behind(history: History, view: View): string[] {
  const { way, source } = history;
  const table = served(history, view);
  if (way === 'push')
    return view.pushes.filter(({ name, lost }) => !lost && !table[name]).map(({ name }) => `${name} is not served`);
  const read = source.read(way, undefined);
  if (!read) return [];
  // Rejected rows that a replay let pass are the source's, too, as long as it has them.
  const own = Object.entries(table).filter(([key]) => way !== 'full' || key !== `passed x${read.rows.table}`);
  const expected = Object.entries(applied(way, Object.fromEntries(own), read));
  return JSON.stringify(expected.sort()) === JSON.stringify(own.sort())
    ? []
    : [`served is ${JSON.stringify(table)}, the source has ${JSON.stringify(read.rows)}`];
}
