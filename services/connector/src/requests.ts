import { randomUUID } from 'node:crypto';
import type { ConnectorRecord, SyncClaim, SyncRecord } from '@songhua/catalog';
import type { ConnectorCatalog } from '@songhua/catalog/connector';
import type { SyncAccepted, SyncRequest } from '@songhua/contracts';
import { runProblem, SonghuaError, syncId } from '@songhua/domain';
import { newTraceparent } from '@songhua/runtime';

/** Claims `slots` in one statement; `asked` is what holds for those that do not say otherwise. */
export function claimSlots(
  catalog: Pick<ConnectorCatalog, 'syncs'>,
  slots: (Pick<SyncClaim, 'connector' | 'slot'> & Partial<SyncClaim>)[],
  asked: Omit<SyncClaim, 'connector' | 'slot' | 'traceparent'> = { full: false },
): Promise<SyncRecord[]> {
  return catalog.syncs.enqueue(slots.map((slot) => ({ ...asked, ...slot, traceparent: newTraceparent() })));
}

const invalid = (message: string): SonghuaError =>
  new SonghuaError('sync.request-invalid', message, { actor: 'department' });

/** Throws unless what `request` asks for can be done together, and by each of the `selected`. */
function checkRequest(request: SyncRequest, selected: ConnectorRecord[]): void {
  const { connectors, range, reset, full } = request;
  if (range && (full || reset)) throw invalid('a range is read on its own: leave out full and reset');
  if ((range || reset) && !connectors) throw invalid('name the connectors of which a range is read or that are reset');
  const whole = range ? selected.filter(({ mode }) => mode !== 'append' && mode !== 'merge') : [];
  if (whole.length > 0)
    throw invalid(
      `a range is read in modes append and merge only: ${whole.map(({ name, mode }) => `${name} (${mode})`).join(', ')}; read everything with full: true`,
    );
}

/**
 * "Run now": claims one slot of every connector that `request` selects. The same request id claims the same slots,
 * whatever became of the connectors since. Paused and suspended connectors run only when they are named. `by` is who asks. Throws
 * `sync.request-invalid`, `connector.unknown`, `connector.not-running` and `connector.rate-limited`; of many, those that their source asked to
 * leave alone are passed over.
 */
export async function requestSyncs(
  catalog: ConnectorCatalog,
  request: SyncRequest,
  by = 'service:connector',
): Promise<SyncAccepted> {
  const { connectors: names, department, all } = request;
  if ([names !== undefined, department !== undefined, all === true].filter(Boolean).length !== 1)
    throw invalid('say exactly one of connectors, department and all: true');
  const selected = await catalog.connectors.list(
    names ? { names: [...new Set(names)] } : department === undefined ? {} : { department },
  );
  if (
    department !== undefined &&
    selected.length === 0 &&
    !(await catalog.resources.get('Department', department, 'approved'))
  )
    throw invalid(`there is no Department ${department.slice(0, 100)}; see "songhua export Department"`);
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
  const id = request.request ?? randomUUID();
  const slot = `request:${id}`;
  const before = request.request === undefined ? new Set() : await claimedBefore(catalog, selected, slot);
  const [claimed, fresh] = [
    selected.filter(({ name }) => before.has(name)),
    selected.filter(({ name }) => !before.has(name)),
  ];
  const cause = names ? 'request' : 'schedule';
  const halted = fresh.flatMap(({ name, state }) => {
    const problem = runProblem(state, cause);
    return problem === undefined ? [] : [{ name, problem }];
  });
  if (names && halted.length > 0)
    throw new SonghuaError(
      'connector.not-running',
      halted
        .slice(0, 20)
        .map(({ name, problem }) => `${name} cannot run: ${problem}`)
        .join('; '),
      { actor: 'department' },
    );
  checkRequest(request, selected);
  const allowed = fresh.filter(({ state }) => runProblem(state, cause) === undefined);
  const skipped = await rateLimited(catalog, allowed);
  const [limited] = skipped;
  if (names && limited) throw new SonghuaError(limited.code, limited.message, { actor: 'department', retryable: true });
  const left = new Set(skipped.map(({ connector }) => connector));
  const runnable = [...claimed, ...allowed.filter(({ name }) => !left.has(name))];
  const told = skipped.length > 0 ? { skipped } : {};
  if (runnable.length === 0) return { request: id, syncs: [], ...told };
  const slots = runnable.map((connector) => ({ connector, slot }));
  const { reset, range } = request;
  const syncs = await claimSlots(catalog, slots, { full: request.full || reset, reset, ...(range && { range }), by });
  return { request: id, syncs: syncs.map((sync) => ({ sync: sync.id, connector: sync.connector })), ...told };
}

/** Names of connectors that have this slot already: the request is repeated, and its answer must be what it was. */
async function claimedBefore(
  catalog: ConnectorCatalog,
  connectors: ConnectorRecord[],
  slot: string,
): Promise<Set<string>> {
  const ids = connectors.map(({ name }) => syncId(name, slot));
  const found = await catalog.syncs.list({ ids, limit: ids.length, offset: 0 });
  return new Set(found.map(({ connector }) => connector));
}

/** Those whose source said when it may be asked again, which is not yet. */
async function rateLimited(
  catalog: ConnectorCatalog,
  connectors: ConnectorRecord[],
): Promise<NonNullable<SyncAccepted['skipped']>> {
  const health = await catalog.health.of(connectors.map(({ id }) => id));
  return connectors.flatMap(({ id, name }) => {
    const found = health.get(id);
    if (!found?.rateLimited || !found.nextAttemptAt || found.nextAttemptAt.getTime() <= Date.now()) return [];
    const message = `the source of ${name} limits how often it is asked; it is tried again at ${found.nextAttemptAt.toISOString()}`;
    return [{ connector: name, code: 'connector.rate-limited', message }];
  });
}
