import type { SyncRecord, SyncResult } from '@songhua/catalog';
import { Counter, Histogram, type Registry } from '@songhua/runtime';

export interface Meters {
  ended(sync: SyncRecord, result: SyncResult, seconds: number): void;
}

/** What this replica counts of its syncs. */
export function createMeters(registry: Registry): Meters {
  const registers = [registry];
  const syncs = new Counter({
    name: 'songhua_syncs_total',
    help: 'Syncs ended, by outcome and reason code',
    labelNames: ['state', 'code'],
    registers,
  });
  const rows = new Counter({ name: 'songhua_sync_rows_total', help: 'Rows delivered', registers });
  const rejected = new Counter({
    name: 'songhua_sync_rejected_rows_total',
    help: 'Rows that could not be read',
    registers,
  });
  const bytes = new Counter({
    name: 'songhua_sync_bytes_total',
    help: 'Bytes of canonical CSV delivered, before compression',
    registers,
  });
  const duration = new Histogram({
    name: 'songhua_sync_seconds',
    help: 'Seconds from the start of a sync to its stored result',
    labelNames: ['state'],
    buckets: [0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3600],
    registers,
  });
  return {
    ended(_sync, result, seconds) {
      syncs.inc({ state: result.state, code: result.reason?.code ?? '' });
      rows.inc(result.rows);
      rejected.inc(result.rejected);
      bytes.inc(result.bytes);
      duration.observe({ state: result.state }, seconds);
    },
  };
}
