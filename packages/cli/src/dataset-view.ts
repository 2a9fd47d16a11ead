import { z } from 'zod';
import { bytes, count, table } from './format.js';
import { freshnessWords, inSyncWords } from './freshness-view.js';
import { waitingHolds } from './hold-view.js';

const time = z.string().nullable();

/** What `datasets list` reads of each item of `GET /api/v1/datasets`. */
export const datasetEntrySchema = z.looseObject({
  name: z.string(),
  title: z.string(),
  department: z.string(),
  domain: z.string(),
  frequency: z.string(),
  rows: z.int(),
  version: z.int().nullable(),
  freshness: z.string(),
  dueAt: time,
  lateSince: time,
  inSync: z.string(),
  inSyncUntil: time,
  clocks: z.looseObject({ checkedAt: time, sourceChangedAt: time, dataChangedAt: time }),
});

/** What `datasets show` reads of `GET /api/v1/datasets/{name}`. */
export const datasetDetailSchema = datasetEntrySchema.extend({
  bytes: z.int(),
  versions: z.int(),
  clocks: datasetEntrySchema.shape.clocks.extend({ metadataChangedAt: time }),
  lastSync: z
    .looseObject({
      id: z.string(),
      state: z.string(),
      refresh: z.string().nullable(),
      reason: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
    })
    .nullable(),
  holds: z.array(z.looseObject({ sync: z.string(), reason: z.looseObject({ code: z.string() }) })),
  schema: z
    .looseObject({
      columns: z.array(
        z.looseObject({ name: z.string(), type: z.string(), nullable: z.boolean(), title: z.string().optional() }),
      ),
      primaryKey: z.array(z.string()),
    })
    .nullable(),
});
type DatasetDetail = z.infer<typeof datasetDetailSchema>;

/** A dataset for the terminal: what it is, how fresh, and its columns. */
export function datasetView(dataset: DatasetDetail): string {
  const { clocks, lastSync, holds, schema } = dataset;
  const ended = lastSync ? `${lastSync.refresh ?? lastSync.state} (${lastSync.id})` : 'none yet';
  const reason = lastSync?.reason;
  const facts: [string, string][] = [
    ['name', dataset.name],
    ['title', dataset.title],
    ['department', dataset.department],
    ['domain', dataset.domain],
    ['promise', dataset.frequency],
    ['freshness', freshnessWords(dataset)],
    ['in sync', inSyncWords(dataset)],
    ['version', dataset.version === null ? 'none yet' : `${dataset.version} of ${dataset.versions}`],
    ['rows', `${count(dataset.rows)}, ${bytes(dataset.bytes)}`],
    ['checked', clocks.checkedAt ?? '-'],
    ['source changed', clocks.sourceChangedAt ?? '-'],
    ['data changed', clocks.dataChangedAt ?? '-'],
    ['metadata changed', clocks.metadataChangedAt ?? '-'],
    ['last sync', ended],
    ...(reason ? [['why', `${reason.code}: ${reason.message}`] as [string, string]] : []),
  ];
  const waiting = holds.map(({ sync, reason: { code } }) => ({ sync, code }));
  const shown = [table(['', ''], facts), ...(holds.length > 0 ? [waitingHolds(waiting)] : [])].join('\n');
  if (!schema) return shown;
  const columns = schema.columns.map(({ name, type, nullable, title }) => [
    name,
    type,
    nullable ? 'may be' : 'never',
    schema.primaryKey.includes(name) ? 'key' : '',
    title ?? '',
  ]);
  return `${shown}\n\n${table(['column', 'type', 'empty', '', 'title'], columns)}`;
}
