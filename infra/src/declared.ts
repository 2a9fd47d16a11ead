import { DEAD_RECORDS_TOPIC, RECORDS_TOPIC, VERSIONS_TOPIC } from '@songhua/contracts';

const DAY_MS = 86_400_000;

export interface DeclaredTopic {
  name: string;
  partitions: number;
  config: Record<string, string>;
}

/** Every topic of the running system; applied at each start, never changed where one is there already. */
export const TOPICS: readonly DeclaredTopic[] = [
  {
    name: RECORDS_TOPIC,
    partitions: 12,
    // Landing keeps the rows for replay, so the topic only has to outlive an outage over a long holiday.
    config: { 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY_MS) },
  },
  {
    name: DEAD_RECORDS_TOPIC,
    partitions: 3,
    // Dead letters wait for a person.
    config: { 'cleanup.policy': 'delete', 'retention.ms': String(90 * DAY_MS) },
  },
  {
    name: VERSIONS_TOPIC,
    partitions: 3,
    // The latest version of every dataset stays readable for ever; a reader that is a day behind still sees each event.
    config: { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(DAY_MS) },
  },
];

export const TEMPORAL_NAMESPACE = 'songhua';
/** How long Temporal keeps closed workflow histories; the catalog keeps outcomes for ever. */
export const TEMPORAL_RETENTION = '72h';
export const BUCKET = 'songhua';
export const DATABASE = 'songhua';
export const DATABASE_USER = 'songhua';
