import type { EstateRepository } from '@songhua/catalog';
import type { VersionEvent } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';
import { createWake } from './wake.js';

const BATCH = 200;
const LOOK_MS = 2000;

export interface Feed {
  wake(): void;
  /** Events after `position`, and then each new one, until `signal` aborts; an empty list is a sign of life. */
  follow(position: string, signal: AbortSignal): AsyncIterable<{ position: string; event: VersionEvent }[]>;
}

/** The changes feed as it grows. PostgreSQL being away is waited out. */
export function createFeed(catalog: EstateRepository, logger: Logger): Feed {
  const committed = createWake();
  return {
    wake: () => committed.wake(),
    async *follow(start, signal) {
      let position = start;
      let idle = 0;
      while (!signal.aborted) {
        // Waiting begins before reading, so that a commit between the two is not slept through.
        const next = committed.wait(LOOK_MS);
        const events = await catalog.changes(position, BATCH).catch((error: unknown) => {
          logger.warn({ reason: reasonOf(error) }, 'the changes feed could not be read');
          return [];
        });
        position = events.at(-1)?.position ?? position;
        // A sign of life about every 15 seconds keeps proxies from closing the stream.
        if (events.length > 0 || idle++ % 8 === 0) yield events;
        if (events.length < BATCH) await next;
      }
    },
  };
}
