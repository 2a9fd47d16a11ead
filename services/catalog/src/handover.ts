import type { EstateChanges, SyncRepository } from '@songhua/catalog';
import { type LaneReference, MOST_REFERENCES } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import type { Lanes } from '@songhua/lanes';
import type { Logger } from '@songhua/runtime';

const LOOK_MS = 30_000;
// A worker says every minute what it works on; what a lane has not begun by then it hears of once more, which costs it nothing.
const IDLE_SECONDS = 300;
// Of what changed rules caused and came to nothing; doubles with every try.
const FIRST_WAIT_SECONDS = 30;

export interface Handover {
  /** Tells the lane of a sync that its turn may come. Never throws: what a lane does not hear of now is handed over again. */
  give(reference: LaneReference): Promise<void>;
  /** Hands over every landed sync that no lane has worked on for `seconds` (at least one: those handed over just now are left out); how many. Throws when Temporal is away. */
  again(seconds: number): Promise<number>;
  close(): void;
}

/**
 * Sees to it that what landed is refreshed (I7): the catalog knows every sync that should be on its way, so what lanes lost, with Temporal's
 * data or with a signal, is found and handed over again; and what changed rules caused and came to nothing is opened again. Of several
 * replicas any may do it.
 */
export function startHandover(deps: {
  syncs: Pick<SyncRepository, 'recoverLanded'>;
  estate: Pick<EstateChanges, 'openDueRefreshes'>;
  lanes: Pick<Lanes, 'dispatch'>;
  logger: Logger;
}): Handover {
  const { syncs, estate, lanes, logger } = deps;

  const again = async (seconds: number): Promise<number> => {
    let handed = 0;
    for (;;) {
      const references = await syncs.recoverLanded(seconds, MOST_REFERENCES);
      await Promise.all(references.map((reference) => lanes.dispatch(reference)));
      handed += references.length;
      if (references.length < MOST_REFERENCES) return handed;
    }
  };
  const openDue = async (): Promise<void> => {
    const references = await estate.openDueRefreshes(FIRST_WAIT_SECONDS);
    if (references.length > 0)
      logger.info({ syncs: references.length }, 'datasets are made anew by their changed rules');
    await Promise.all(references.map((reference) => lanes.dispatch(reference)));
  };
  const look = setInterval(() => {
    again(IDLE_SECONDS).then(
      (count) => {
        if (count > 0) logger.warn({ syncs: count }, 'syncs that no lane worked on were handed over again');
      },
      (error: unknown) => logger.warn({ reason: reasonOf(error) }, 'handing over failed; trying again'),
    );
    openDue().catch((error: unknown) =>
      logger.warn({ reason: reasonOf(error) }, 'looking for datasets to be made anew failed; trying again'),
    );
  }, LOOK_MS);

  return {
    async give(reference) {
      await lanes.dispatch(reference).catch((error: unknown) => {
        logger.warn(
          { sync: reference.sync, reason: reasonOf(error) },
          'its lane was not told; handed over again later',
        );
      });
    },
    again,
    close: () => clearInterval(look),
  };
}
