import type { Operation, OperationName } from './operations.js';
import type { Way } from './source.js';

/** A history that once broke an invariant, as short as it was found. */
export interface Regression {
  name: string;
  way: Way;
  operations: Operation[];
}

const does = (name: OperationName, a = 0, b = 0): Operation => [name, a, b];
const times = (count: number, operation: Operation): Operation[] => Array.from({ length: count }, () => operation);

/** A read of something flagged, from its slot to landing. */
const flaggedRead = [
  does('change', 0),
  does('enqueue', 4, 2),
  does('take'),
  ...times(3, does('read')),
  does('land', 0, 3),
];

export const REGRESSIONS: Regression[] = [
  {
    name: 'what a hold rejected leaves the quarantine when the mended rules let it pass',
    way: 'full',
    operations: [
      ...Array.from({ length: 6 }, () => [...flaggedRead, does('begin'), ...times(2, does('work'))]).flat(),
      does('mend'),
      does('decide', 0, 1),
      does('rest'),
    ],
  },
  {
    name: 'of two reads that must be looked at, the later one is held, also when the earlier one is refreshed after it',
    way: 'full',
    operations: [
      ...flaggedRead,
      ...flaggedRead,
      does('begin', 1),
      ...times(2, does('work')),
      does('begin', 0),
      ...times(2, does('work')),
    ],
  },
  {
    name: 'a read is not held any more when a later one was published while it was refreshed',
    way: 'full',
    operations: [
      ...flaggedRead,
      does('change', 1),
      ...flaggedRead.slice(1),
      does('begin', 0),
      does('begin', 1, 1),
      ...times(3, does('work', 1)),
      ...times(2, does('work', 0)),
    ],
  },
  {
    name: 'what a lost future read is not taken for the read of a slot that is claimed anew',
    way: 'append',
    operations: [
      does('start', 1, 5),
      does('rest'),
      does('snapshot'),
      does('start', 1, 5),
      does('rest'),
      does('start', 1, 5),
      does('read', 0, 8),
      does('restore'),
      // The slot of the last one, which was read from where the lost one before it had come.
      does('enqueue', 5, 0),
      does('take'),
      does('land', 0, 3),
      does('begin'),
      does('work', 0, 8),
    ],
  },
  {
    name: 'what a lost future read is not taken for a later attempt of a sync that waited',
    way: 'append',
    operations: [
      does('start', 1, 5),
      does('rest'),
      ...times(2, does('enqueue', 5, 2)),
      does('snapshot'),
      does('change', 1),
      does('take'),
      does('read', 0, 8),
      does('land', 0, 3),
      does('begin'),
      does('work', 0, 8),
      does('change', 1),
      does('take'),
      does('read', 0, 8),
      does('restore'),
      // The first of the two; the second was read from where the first had come.
      does('cancel', 1),
      does('take'),
      does('land', 0, 3),
      does('begin'),
      does('work', 0, 8),
    ],
  },
  {
    name: 'a manifest of a lost future is not taken for that of a sync that is claimed anew with the same content',
    way: 'append',
    operations: [
      does('snapshot'),
      does('enqueue', 5, 2),
      does('enqueue', 5, 2),
      does('change', 1),
      does('take'),
      does('read', 0, 1),
      does('read', 0, 1),
      does('take'),
      does('rest'),
      does('restore'),
      does('enqueue', 1, 0),
      does('rest'),
    ],
  },
  {
    name: 'a manifest of a lost future is not taken for that of the same claim when it builds on a version that was lost too',
    way: 'append',
    operations: [
      does('proceed', 0, 5),
      does('read'),
      does('proceed'),
      does('proceed', 5, 3),
      does('snapshot'),
      does('rest'),
      does('restore'),
      does('decide'),
      does('proceed'),
      does('read'),
      does('begin'),
    ],
  },
];
