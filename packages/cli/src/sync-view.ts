import type { SyncProgress } from '@songhua/contracts';
import { z } from 'zod';
import { bytes, count, seconds } from './format.js';

/** What the views need of a sync; the API tells more. */
export const syncSchema = z.looseObject({
  id: z.string(),
  connector: z.string(),
  dataset: z.string(),
  state: z.string(),
  rows: z.int(),
  bytes: z.int(),
  queuedAt: z.string(),
  startedAt: z.string().nullable(),
  readAt: z.string().nullish(),
  endedAt: z.string().nullable(),
  trouble: z
    .object({ reason: z.looseObject({ code: z.string(), message: z.string() }), tries: z.int() })
    .nullish()
    .describe('why it is tried again'),
  reason: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  refresh: z
    .looseObject({
      state: z.string(),
      version: z.int().nullable(),
      startedAt: z.string(),
      reason: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
    })
    .nullable(),
});
export type Sync = z.infer<typeof syncSchema>;
type Timed = Pick<
  Sync,
  'state' | 'rows' | 'bytes' | 'queuedAt' | 'startedAt' | 'readAt' | 'endedAt' | 'trouble' | 'refresh'
>;

/** Where a sync is and since when, with what it has read so far; undefined when nothing more happens by itself. */
export function stageShown(sync: Timed, now: Date): string | undefined {
  const stage = stageOf(sync, now);
  if (stage === undefined || !sync.trouble) return stage;
  const { reason, tries } = sync.trouble;
  return `${stage}; tried ${tries} ${tries === 1 ? 'time' : 'times'}, the last ended with ${reason.code}: ${reason.message}`;
}

function stageOf(sync: Timed, now: Date): string | undefined {
  const since = (stage: string, at: string): string =>
    `${stage} since ${at} (${seconds(Math.max(0, now.getTime() - Date.parse(at)) / 1000)})`;
  const { state, queuedAt, startedAt, readAt, refresh } = sync;
  if (state === 'queued') return since('queued', queuedAt);
  if (state === 'reading') {
    const begun = startedAt ?? queuedAt;
    return `${since('reading', begun)}: ${readShown(sync, (now.getTime() - Date.parse(begun)) / 1000)}`;
  }
  const read = `${count(sync.rows)} rows, ${bytes(sync.bytes)} read`;
  if (state === 'delivered') return `${since('landing', readAt ?? queuedAt)}: ${read}`;
  // What landed began to wait when it did.
  const begun = refresh?.startedAt ?? readAt ?? queuedAt;
  if (state === 'landed') return `${since('landed, waiting for its turn to be refreshed,', begun)}: ${read}`;
  return state === 'refreshing' ? `${since('refreshing', begun)}: ${read}` : undefined;
}

const readShown = (sync: Pick<Sync, 'rows' | 'bytes'>, elapsed: number): string =>
  `${count(sync.rows)} rows, ${bytes(sync.bytes)} so far, ${rate(sync.rows, elapsed)}`;

const rate = (rows: number, elapsed: number): string => `${count(Math.round(rows / Math.max(elapsed, 0.1)))} rows/s`;

/** One line about a request, by the times of its syncs and not of who waits; `foremost` is the sync that is waited for, if any is told. */
export function progressShown(now: SyncProgress, foremost?: { sync: Sync; at: Date }): string {
  const ended = now.published + now.unchanged + now.held + now.failed;
  const underWay = (['queued', 'reading', 'landing', 'landed', 'refreshing'] as const).filter((of) => now[of] > 0);
  const troubled = now.failed + now.held > 0 ? [`failed ${now.failed} held ${now.held}`] : [];
  const stage = foremost && stageShown(foremost.sync, foremost.at);
  return [
    `${count(ended)}/${count(now.total)} datasets`,
    `${count(now.rows)} rows`,
    ...(now.reading > 0 ? [rate(now.rows, now.readingSeconds)] : []),
    ...underWay.map((of) => `${of} ${count(now[of])}`),
    ...(underWay.length === 0 && now.unannounced > 0 ? [`announcing ${count(now.unannounced)}`] : []),
    ...troubled,
    seconds(now.requestedSeconds),
    ...(stage && foremost ? [`${foremost.sync.dataset} ${stage}`] : []),
  ].join('  ');
}
