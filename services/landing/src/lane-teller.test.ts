import { expect, test } from '@jest/globals';
import type { LaneReference } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';
import { waitFor } from '@songhua/runtime/testing';
import { createLaneTeller } from './lane-teller.js';

const logger = { warn: () => undefined } as unknown as Logger;
const references: LaneReference[] = Array.from({ length: 5 }, (_, i) => ({
  sync: `sy_${i}`,
  datasetId: `ds_${i}`,
  attempt: 1,
  bytes: 1,
}));

test('while lanes cannot be told landing goes on, and each is told once when they can', async () => {
  let away = true;
  const told: string[] = [];
  const teller = createLaneTeller(
    {
      logger,
      async dispatch({ sync }) {
        if (away) throw new SonghuaError('workflow.unavailable', 'away', { retryable: true });
        told.push(sync);
      },
    },
    5,
  );
  for (const reference of references) await teller.tell(reference);
  expect(told).toEqual([]);
  away = false;
  await waitFor('all lanes to be told', async () => told.length >= references.length);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told).toEqual(references.map(({ sync }) => sync));
  teller.close();
});
