import type { Messaging } from '../types.js';
import { testDelivery } from './delivery.js';
import { testFailures } from './failures.js';
import { testGroups } from './groups.js';

/** What every driver of the messaging ports must do. Needs Jest and running brokers; makes topics and groups of its own. */
export function testMessaging(name: string, create: () => Messaging): void {
  testDelivery(name, create);
  testFailures(name, create);
  testGroups(name, create);
}
