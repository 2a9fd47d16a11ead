import { syncId } from '@songhua/domain';
import type { Database } from './database.js';
import { type SyncRow, toSync } from './sync-row.js';
import type { SyncClaim, SyncRecord } from './sync-types.js';

/** Content that somebody sent, as it lies in the object store. */
export interface PushedContent {
  sha256: string;
  bytes: number;
  objectKey: string;
  /** As the sender calls it. */
  name: string;
}

/** Written by the connector service only. */
export interface IngestRepository {
  /**
   * Claims a slot for content that is stored already. A slot that exists is left as it is and returned with what it was claimed for.
   * Undefined when the connector does not run.
   */
  accept(
    claim: SyncClaim,
    content: PushedContent & { by: string },
  ): Promise<{ sync: SyncRecord; content: Omit<PushedContent, 'name'> } | undefined>;
  /** What a slot of a connector was claimed for; undefined when it was not. */
  taken(connector: string, slot: string): Promise<(Omit<PushedContent, 'name'> & { sync: string }) | undefined>;
  /**
   * What `sync` has to read, in order of arrival; `after`: the number of the last that was published. After one that is `apart` nothing is
   * read in the same sync: an earlier read of several failed, and it may be that one.
   */
  pending(sync: string, after: number): Promise<(PushedContent & { number: number; apart: boolean })[]>;
  /**
   * Says which of them the claim reads, before it does: its outcome is theirs. False when it is to read nothing: it does not hold the sync any
   * more, or what was pushed with the sync is not among them, and a later sync reads it.
   */
  reading(claim: Pick<SyncRecord, 'id' | 'attempt'>, numbers: number[]): Promise<boolean>;
}

interface PendingRow {
  number: number;
  sha256: string;
  bytes: number;
  object_key: string;
  name: string;
  apart: boolean;
}

export function createIngestRepository({ query }: Database): IngestRepository {
  return {
    async accept({ connector, ...claim }, content) {
      const slot = { id: syncId(connector.name, claim.slot), connectorId: connector.id, ...claim };
      const [row] = await query<{ accepted: { sync: SyncRow } & Omit<PushedContent, 'name'> }>(
        'ingest_accept',
        'SELECT ingest_accept($1::jsonb, $2::jsonb) AS accepted',
        [JSON.stringify([slot]), JSON.stringify(content)],
      );
      if (!row) return undefined;
      const { sync, ...stored } = row.accepted;
      return { sync: toSync(sync), content: stored };
    },

    async taken(connector, slot) {
      const [row] = await query<Omit<PendingRow, 'number' | 'name' | 'apart'>>(
        'ingest_taken',
        'SELECT sha256, bytes, object_key FROM ingest WHERE sync_id = $1',
        [syncId(connector, slot)],
      );
      return row && { sync: syncId(connector, slot), sha256: row.sha256, bytes: row.bytes, objectKey: row.object_key };
    },

    async pending(sync, after) {
      const rows = await query<PendingRow>('ingest_pending', 'SELECT * FROM ingest_pending($1, $2)', [sync, after]);
      return rows.map(({ object_key: objectKey, ...row }) => ({ ...row, objectKey }));
    },

    async reading({ id, attempt }, numbers) {
      const [row] = await query<{ reads: boolean }>(
        'ingest_reading',
        'SELECT ingest_reading($1, $2, $3::integer[]) AS reads',
        [id, attempt, numbers],
      );
      return row?.reads ?? false;
    },
  };
}
