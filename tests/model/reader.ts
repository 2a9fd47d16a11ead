import type { SyncRecord, SyncResult } from '@songhua/catalog';
import { TRIES_OF_A_CLAIM, wireAttempt } from '@songhua/contracts';
import type { Reason } from '@songhua/domain';
import type { History, Process } from './history.js';
import { type Read, readPushed } from './source.js';

/** What befalls a reader at a step; otherwise it goes on. */
export const READER_FAILS = 1;
export const READER_LOSES_A_BATCH = 2;
export const READER_TRIES_AGAIN = 3;

const unreachable: Reason = { code: 'source.unreachable', message: 'away', actor: 'department', retryable: true };

/** A replica that reads one sync, and does not notice by itself that it lost it. */
export async function* reading(history: History, owner: string, sync: SyncRecord): Process {
  const { catalog, connector, bus } = history;
  const cursor = (await catalog.connectors.cursors([connector.id])).get(connector.id);
  const finish = async (more: Partial<SyncResult> & Pick<SyncResult, 'state'>): Promise<void> => {
    await catalog.syncs.finish(owner, [
      { id: sync.id, attempt: sync.attempt, rows: 0, rejected: 0, bytes: 0, ...more },
    ]);
  };
  yield;
  await catalog.syncs.renew(owner, [{ id: sync.id, begun: true, rows: 0, bytes: 0 }], 60);
  for (let turn = 1; ; turn++) {
    const luck = yield;
    if (luck === READER_FAILS) return finish({ state: 'failed', reason: unreachable });
    const read = await readSource(history, sync, sync.full ? undefined : cursor);
    if (read === 'not its turn') return;
    if (!read) return finish({ state: 'unchanged' });
    bus.push({
      sync: sync.id,
      traceparent: sync.traceparent,
      claim: sync.attempt,
      attempt: wireAttempt(sync.attempt, turn),
      read,
      whole: luck !== READER_LOSES_A_BATCH,
    });
    if (luck === READER_TRIES_AGAIN && turn < TRIES_OF_A_CLAIM) continue;
    yield;
    return finish({
      state: 'delivered',
      rows: Object.keys(read.rows).length,
      rejected: read.rejected.length,
      bytes: 10,
    });
  }
}

// Of one byte each, as many as a source may have.
const MOST_PUSHES = 3;

function together<T extends { apart: boolean }>(items: T[]): T[] {
  const apart = items.findIndex((item) => item.apart);
  return items.slice(0, Math.min(MOST_PUSHES, apart < 0 ? items.length : apart + 1));
}

async function readSource(
  { way, source, catalog, pushed }: History,
  sync: SyncRecord,
  cursor: Record<string, unknown> | undefined,
): Promise<Read | 'not its turn' | undefined> {
  if (way === 'push') {
    const items = together(await catalog.ingests.pending(sync.id, Number(cursor?.number ?? 0)));
    const numbers = items.map(({ number }) => number);
    if (items.length > 0 && !(await catalog.ingests.reading(sync, numbers))) return 'not its turn';
    return readPushed(
      items.map(({ number, name }) => ({ number, name, flagged: pushed.get(name) ?? false })),
      cursor,
    );
  }
  const { range } = sync;
  const read = source.read(way, cursor, range ? { from: Number(range.from), to: Number(range.to) } : undefined);
  return read && (sync.reset ? { ...read, scope: 'all' } : read);
}
