import { randomUUID } from 'node:crypto';
import type { Catalog, ConnectorRecord, SyncRecord } from '@songhua/catalog';
import type { SyncAccepted, SyncRequest } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { newTraceparent } from '@songhua/runtime';

/** Claims `slots` in one statement. */
export function claimSlots(
  catalog: Catalog,
  slots: { connector: ConnectorRecord; slot: string }[],
  full = false,
): Promise<SyncRecord[]> {
  return catalog.syncs.enqueue(slots.map((slot) => ({ ...slot, full, traceparent: newTraceparent() })));
}

/**
 * "Run now": claims one slot of every connector that `request` selects. The same request id claims the same slots. Paused connectors
 * run only when they are named. Throws `sync.request-invalid` and `connector.unknown`.
 */
export async function requestSyncs(catalog: Catalog, request: SyncRequest): Promise<SyncAccepted> {
  const { connectors: names, department, all } = request;
  if ([names !== undefined, department !== undefined, all === true].filter(Boolean).length !== 1)
    throw new SonghuaError('sync.request-invalid', 'say exactly one of connectors, department and all: true', {
      actor: 'department',
    });
  const selected = await catalog.connectors.list(
    names ? { names: [...new Set(names)] } : department === undefined ? {} : { department },
  );
  if (names) {
    const known = new Set(selected.map((connector) => connector.name));
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length > 0)
      throw new SonghuaError(
        'connector.unknown',
        `no connector is named ${unknown.slice(0, 20).join(', ')}; apply it first, or see "songhua connectors"`,
        { actor: 'department', details: { unknown } },
      );
  }
  const runnable = names ? selected : selected.filter((connector) => !connector.paused);
  const id = request.request ?? randomUUID();
  if (runnable.length === 0) return { request: id, syncs: [] };
  const slots = runnable.map((connector) => ({ connector, slot: `request:${id}` }));
  const syncs = await claimSlots(catalog, slots, request.full);
  return { request: id, syncs: syncs.map((sync) => ({ sync: sync.id, connector: sync.connector })) };
}
