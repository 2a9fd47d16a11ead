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
];
