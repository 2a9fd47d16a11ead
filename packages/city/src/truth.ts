import type { TableSchema } from '@songhua/domain';
import { fateOf } from './dirt.js';
import type { Changes, DatasetPlan, DatasetTruth, RejectedTruth, Totals } from './types.js';

export const NO_CHANGES: Changes = { added: 0, changed: 0, removed: 0 };

/** Rows that a sound read of the source publishes. */
export function publishedRows(plan: DatasetPlan): number {
  let rows = 0;
  for (const part of plan.parts) {
    rows += part.count - part.removed.size;
    for (const bad of part.bad) if (fateOf(plan, bad.kind) === 'published') rows++;
  }
  return rows;
}

function rejectedRows(plan: DatasetPlan): RejectedTruth {
  const rejected: RejectedTruth = { total: 0, ragged: 0, type: 0, required: 0, duplicate: 0 };
  const classes = {
    short: 'ragged',
    long: 'ragged',
    'bad-cell': 'type',
    'blank-cell': 'required',
    'duplicate-key': 'duplicate',
  } as const;
  for (const bad of plan.parts.flatMap((part) => part.bad)) {
    if (bad.kind === 'identical') continue;
    rejected[classes[bad.kind]]++;
    rejected.total++;
  }
  return rejected;
}

function deduplicatedRows(plan: DatasetPlan): number {
  const bad = plan.parts.flatMap((part) => part.bad);
  return bad.filter((row) => fateOf(plan, row.kind) === 'deduplicated').length;
}

/** The typed columns and key that must come out, whether declared or inferred. */
export function schemaOf(plan: DatasetPlan): TableSchema {
  return {
    columns: plan.fields.map((field) => ({
      name: field.header,
      type: field.type,
      nullable: !(plan.primaryKey.includes(field.header) || (plan.declared && field.required === true)),
      source: field.header,
    })),
    primaryKey: plan.primaryKey,
  };
}

/** What must come out of a dataset's source as it stands. */
export function truthOf(plan: DatasetPlan, last: { outcome: DatasetTruth['outcome']; changes: Changes }): DatasetTruth {
  const readable = plan.state === 'sound' || plan.state === 'renamed-column';
  const live = plan.parts.reduce((rows, part) => rows + part.count - part.removed.size + part.bad.length, 0);
  return {
    dataset: plan.name,
    source: plan.state,
    files: plan.state === 'missing' ? [] : plan.parts.map((part) => part.path),
    sourceRows: readable ? live : 0,
    rejected: readable ? rejectedRows(plan) : { total: 0, ragged: 0, type: 0, required: 0, duplicate: 0 },
    deduplicated: readable ? deduplicatedRows(plan) : 0,
    publishedRows: publishedRows(plan),
    outcome: last.outcome,
    changes: last.changes,
    schema: schemaOf(plan),
  };
}

export function totalsOf(truths: readonly DatasetTruth[]): Totals {
  const totals: Totals = { datasets: truths.length, records: 0, sourceRows: 0, rejected: 0, deduplicated: 0 };
  for (const truth of truths) {
    totals.records += truth.publishedRows;
    totals.sourceRows += truth.sourceRows;
    totals.rejected += truth.rejected.total;
    totals.deduplicated += truth.deduplicated;
  }
  return totals;
}
