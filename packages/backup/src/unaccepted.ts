import { type PushOwner, unacceptedPushes } from '@songhua/catalog/backup';
import { MOST_LISTED, parseKey } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';

// What the catalog is asked at once.
const PAGE = 1000;

/** Pushed content that the catalog has no row of. */
export interface Unaccepted {
  count: number;
  /** The first thousand of them; `owner` is null where the catalog does not have the connector. */
  pushes: { key: string; pushedAt: string; owner: PushOwner | null }[];
}

/** Looks for pushed content that the catalog does not know: accepted after the cut of its backup, or never. Throws SonghuaError. */
export async function findUnaccepted(databaseUrl: string, store: Pick<ObjectStore, 'list'>): Promise<Unaccepted> {
  const found: Unaccepted = { count: 0, pushes: [] };
  let page = new Map<string, { key: string; connector: string; pushedAt: Date }>();
  const ask = async (): Promise<void> => {
    for (const { key, owner } of await unacceptedPushes(databaseUrl, [...page.values()])) {
      const pushedAt = page.get(key)?.pushedAt.toISOString() ?? '';
      if (++found.count <= MOST_LISTED) found.pushes.push({ key, pushedAt, owner });
    }
    page = new Map();
  };
  for await (const { key, modifiedAt } of store.list('ingest/')) {
    const is = parseKey(key);
    if (is?.kind === 'push') page.set(key, { key, connector: is.connector, pushedAt: modifiedAt });
    if (page.size === PAGE) await ask();
  }
  if (page.size > 0) await ask();
  return found;
}
