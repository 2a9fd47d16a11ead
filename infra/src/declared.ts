import { DEFAULT_BUCKET, type Names } from '@songhua/contracts';

/** The services, each with a role of its own in the database. */
export const SERVICE_NAMES = ['connector', 'landing', 'refresh', 'catalog'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

const DAY_MS = 86_400_000;

export interface DeclaredTopic {
  name: string;
  partitions: number;
  config: Record<string, string>;
}

/** Every topic of a deployment; applied at each start, never changed where one is there already. */
export const topicsOf = ({ topics }: Names): DeclaredTopic[] => [
  {
    name: topics.records,
    partitions: 12,
    // Landing keeps the rows for replay, so the topic only has to outlive an outage over a long holiday.
    config: { 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY_MS) },
  },
  {
    name: topics.deadRecords,
    partitions: 3,
    // Dead letters wait for a person.
    config: { 'cleanup.policy': 'delete', 'retention.ms': String(90 * DAY_MS) },
  },
  {
    name: topics.versions,
    partitions: 3,
    // The latest version of every dataset stays readable for ever; a reader that is a day behind still sees each event.
    config: { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(DAY_MS) },
  },
];

/** How long Temporal keeps closed workflow histories; the catalog keeps outcomes for ever. */
export const TEMPORAL_RETENTION_MS = 3 * DAY_MS;
export const BUCKET = DEFAULT_BUCKET;
export const DATABASE_USER = 'songhua';
