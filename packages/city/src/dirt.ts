import { below, draw, drawsFor, pick } from './random.js';
import type { BadRow, BadRowKind, DatasetPlan, Part } from './types.js';

// Below this a single rejected row is a large share, and a guard would rightly hold the refresh.
const SMALLEST_WITH_BAD_ROWS = 100;
const MOST_BAD_ROWS = 400;
const SHARE_OF_DATASETS = 0.45;
// Indexes of rows that exist only to be rejected: far above any that a dataset grows to, so that they meet no row's key.
const PHANTOMS = 2_000_000;

const TYPED: ReadonlySet<string> = new Set(['integer', 'decimal', 'date', 'datetime']);

/** Rows that repeat another: under a primary key they are dropped or rejected, without one they stay. */
export const repeats = (row: BadRow): boolean => row.kind === 'duplicate-key' || row.kind === 'identical';

/** What becomes of a bad row. */
export function fateOf(plan: DatasetPlan, kind: BadRowKind): 'rejected' | 'deduplicated' | 'published' {
  if (kind !== 'identical') return 'rejected';
  return plan.primaryKey.length > 0 ? 'deduplicated' : 'published';
}

/** Plans the bad rows of a dataset, so that `published` rows of it are published. */
export function planBadRows(plan: DatasetPlan, published: number): void {
  const draws = drawsFor(plan.seed, 'bad rows');
  if (published < SMALLEST_WITH_BAD_ROWS || draw(draws) >= SHARE_OF_DATASETS) return;
  const kinds = kindsFor(plan);
  const count = Math.min(MOST_BAD_ROWS, 1 + Math.floor(published * (0.0005 + 0.006 * draw(draws) ** 2)));
  for (let i = 0; i < count; i++) {
    const part = pick(draws, plan.parts);
    const kind = pick(draws, kinds);
    // Duplicates that stay are published: they take the place of one row.
    if (fateOf(plan, kind) === 'published') {
      if (part.count < 10) continue;
      part.count--;
    }
    part.bad.push({ kind, after: 0, index: PHANTOMS + i, detail: detailOf(plan, kind, below(draws, 1000)) });
  }
  for (const part of plan.parts) placeBadRows(part, (limit) => below(draws, limit));
}

/** Gives every bad row its place, once the counts of rows stand. */
function placeBadRows(part: Part, at: (limit: number) => number): void {
  const repeated = new Set<number>();
  for (const row of part.bad) {
    row.after = at(part.count);
    if (!repeats(row)) continue;
    let index = at(row.after + 1);
    // One repetition a row, or the second of two would be judged against the first.
    while (repeated.has(index) && repeated.size < part.count) index = (index + 1) % part.count;
    repeated.add(index);
    row.index = index;
    row.after = Math.max(row.after, index);
  }
  part.bad.sort((a, b) => a.after - b.after || a.index - b.index);
}

function kindsFor(plan: DatasetPlan): BadRowKind[] {
  const kinds: BadRowKind[] = plan.format === 'csv' ? ['short', 'long', 'identical'] : ['identical'];
  if (plan.primaryKey.length > 0) kinds.push('duplicate-key', 'blank-cell');
  if (plan.declared && damageable(plan).length > 0) kinds.push('bad-cell', 'bad-cell');
  return kinds;
}

function detailOf(plan: DatasetPlan, kind: BadRowKind, number: number): number {
  if (kind === 'bad-cell') return pickAt(damageable(plan), number);
  if (kind === 'blank-cell') return pickAt(mandatory(plan), number);
  return 1 + (number % 2);
}

const pickAt = (items: number[], number: number): number => items[number % items.length] ?? 0;

const damageable = (plan: DatasetPlan): number[] =>
  plan.fields.flatMap((field, k) => (TYPED.has(field.type) && !field.key ? [k] : []));

const mandatory = (plan: DatasetPlan): number[] =>
  plan.fields.flatMap((field, k) => {
    return plan.primaryKey.includes(field.header) || (plan.declared && field.required) ? [k] : [];
  });
