import type { ObjectStore, ObjectStoreOptions } from '../types.js';
import { testBasics } from './basics.js';
import { testOutages } from './outages.js';
import { testPrefixes } from './prefixes.js';
import { testTransfers } from './transfers.js';

/** Makes a store of the driver under test, with some options replaced: another endpoint, a shorter patience. */
export type CreateStore = (replaced?: Partial<ObjectStoreOptions>) => ObjectStore;

/**
 * What every driver of the object store port must do. Needs Jest and a running server; works in its own prefix of the bucket that
 * `create` gives, and leaves it empty.
 */
export function testObjectStore(name: string, create: CreateStore): void {
  testBasics(name, create);
  testTransfers(name, create);
  testOutages(name, create);
  testPrefixes(name, create);
}
