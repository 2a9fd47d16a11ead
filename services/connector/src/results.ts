import type { SyncRepository, SyncResult } from '@songhua/catalog';
import { reasonOf } from '@songhua/domain';
import { type Logger, retry } from '@songhua/runtime';

export interface ResultWriter {
  /** Resolves when the result is stored, with whether this replica still held the sync; false also when it could not be stored. */
  finish(result: SyncResult): Promise<boolean>;
}

// Long enough that the end of hundreds of small syncs is a few statements, too short for anybody to notice.
const GATHER_MS = 5;
const MOST = 500;
// Validators of a glob are megabytes, and a statement is held several times while it travels.
const MOST_BYTES = 8 * 1024 * 1024;

/** How many of the first results go in one statement; at least one. */
function together(results: readonly SyncResult[]): number {
  let bytes = 0;
  for (const [count, { validators }] of results.entries()) {
    bytes += validators ? JSON.stringify(validators).length : 0;
    if (count === MOST || (count > 0 && bytes > MOST_BYTES)) return count;
  }
  return results.length;
}

/** Stores results of syncs many at a time: those that come while a statement runs, or within a few milliseconds, share the next one. */
export function createResultWriter(syncs: Pick<SyncRepository, 'finish'>, owner: string, logger: Logger): ResultWriter {
  const waiting: { result: SyncResult; resolve(held: boolean): void }[] = [];
  let writing = false;

  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const group = waiting.splice(0, together(waiting.map((one) => one.result)));
      const results = group.map((one) => one.result);
      try {
        const ended = new Set(await retry(() => syncs.finish(owner, results), { tries: 5, baseMs: 100, maxMs: 2_000 }));
        for (const one of group) one.resolve(ended.has(one.result.id));
      } catch (error) {
        // Their leases run out and the syncs are read again, so nothing is lost but work.
        logger.error({ syncs: results.map((one) => one.id), reason: reasonOf(error) }, 'results could not be stored');
        for (const one of group) one.resolve(false);
      }
    }
    writing = false;
  };

  return {
    finish: (result) =>
      new Promise((resolve) => {
        waiting.push({ result, resolve });
        if (writing) return;
        writing = true;
        void write();
      }),
  };
}
