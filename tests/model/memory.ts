import type { RefreshContext } from '@songhua/catalog';
import type { SyncState } from '@songhua/domain';
import { digestOf, type Read } from './source.js';

/** What a history remembers, to tell what must never be. */
export interface Memory {
  /** Of the catalog: goes back with it. */
  catalog: {
    versions: Map<number, string>;
    settled: number;
    cursor: number;
    syncs: Map<string, { state: SyncState; attempt: number }>;
  };
  /** What a person has let pass: a sync, or what one read. */
  approved: Set<string>;
  /** Codes of failures that a worker came to by itself. */
  failures: string[];
  broken: string[];
}

export const createMemory = (): Memory => ({
  catalog: { versions: new Map(), settled: 0, cursor: 0, syncs: new Map() },
  approved: new Set(),
  failures: [],
  broken: [],
});

export const copyOf = ({ versions, settled, cursor, syncs }: Memory['catalog']): Memory['catalog'] => ({
  versions: new Map(versions),
  settled,
  cursor,
  syncs: new Map(syncs),
});

const contentKey = (read: Pick<Read, 'rows' | 'rejected'>): string => `content ${digestOf([read.rows, read.rejected])}`;

export function approve({ approved }: Memory, sync: string, read: Read | undefined): void {
  approved.add(`sync ${sync}`);
  if (read) approved.add(contentKey(read));
}

/** A worker was told that a person has let it pass: that must be so, of it or of the very same content. */
export function mayPass(memory: Memory, { sync }: RefreshContext, read: Read | undefined): void {
  const { approved } = memory;
  if (approved.has(`sync ${sync.id}`) || (read && !sync.replay && approved.has(contentKey(read)))) return;
  memory.broken.push(`${sync.id} passes with the approval of other content`);
}
