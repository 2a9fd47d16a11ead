import { repeats } from './dirt.js';
import { step as nextPeriod, pathOf } from './plan.js';
import { below, type Draws, draw, drawsFor, sample, seedOf, shuffled } from './random.js';
import { nextRevision } from './rows.js';
import { NO_CHANGES } from './truth.js';
import type { Changes, DatasetPlan, DatasetTruth, Part, SourceState } from './types.js';

/** Each step breaks one source in each of these ways; the next step mends it. */
const BREAKS: readonly SourceState[] = ['missing', 'empty', 'html', 'renamed-column'];
const SHARE_UPDATED = 0.12;
// A day's edits, not a new edition.
const MOST_EDITS = 300;
const SMALLEST_TO_REMOVE_FROM = 10;

export type Outcomes = Map<string, Pick<DatasetTruth, 'outcome' | 'changes'>>;

/** Takes every plan one step on, in place; returns what a sync of each dataset must end as. */
export function applyStep(plans: readonly DatasetPlan[], seed: number, step: number): Outcomes {
  const order = shuffled(drawsFor(seed, 'evolve', step), plans);
  const outcomes: Outcomes = new Map();
  const updated = BREAKS.length + Math.ceil(plans.length * SHARE_UPDATED);
  order.forEach((plan, at) => {
    plan.state = BREAKS[at] ?? 'sound';
    const changes =
      at >= BREAKS.length && at < updated ? update(plan, drawsFor(plan.seed, 'update', step)) : NO_CHANGES;
    const changed = changes.added + changes.changed + changes.removed > 0;
    outcomes.set(plan.name, {
      outcome: plan.state !== 'sound' ? 'kept' : changed ? 'published' : 'unchanged',
      changes,
    });
  });
  return outcomes;
}

function update(plan: DatasetPlan, draws: Draws): Changes {
  const rows = plan.parts.reduce((sum, part) => sum + part.count - part.removed.size, 0);
  const edits = (share: number): number => below(draws, Math.min(MOST_EDITS, 2 + Math.floor(rows * share)));
  const changes = { added: 1 + edits(0.02), changed: 0, removed: 0 };
  const part = plan.parts[below(draws, plan.parts.length)] as Part;
  changes.changed = changeRows(plan, part, draws, edits(0.02));
  if (rows >= SMALLEST_TO_REMOVE_FROM) changes.removed = removeRows(part, draws, edits(0.01));
  addRows(plan, changes.added, draw(draws) < 0.3);
  if (plan.primaryKey.length > 0) return changes;
  // Without a key a changed row is one that went and one that came.
  return { added: changes.added + changes.changed, changed: 0, removed: changes.removed + changes.changed };
}

/** Rows that bad rows repeat stay as they are, or what those are judged by would change with them. */
function freeRows(part: Part): (index: number) => boolean {
  const repeated = new Set(part.bad.filter(repeats).map((row) => row.index));
  return (index) => !repeated.has(index) && !part.removed.has(index);
}

function changeRows(plan: DatasetPlan, part: Part, draws: Draws, count: number): number {
  if (!plan.fields.some((field) => field.mutable)) return 0;
  let changed = 0;
  for (const index of sample(draws, count, part.count, freeRows(part))) {
    const revision = nextRevision(plan, part, index, part.revisions.get(index) ?? 0);
    if (revision === undefined) continue;
    part.revisions.set(index, revision);
    changed++;
  }
  return changed;
}

/** Changed rows stay, so that one step never both changes and removes a row. */
function removeRows(part: Part, draws: Draws, count: number): number {
  const free = freeRows(part);
  const chosen = sample(draws, count, part.count, (index) => free(index) && !part.revisions.has(index));
  for (const index of chosen) part.removed.add(index);
  return chosen.length;
}

/** At the end of the last file, or as the file of the next year or month. */
function addRows(plan: DatasetPlan, count: number, newFile: boolean): void {
  const last = plan.parts.at(-1) as Part;
  if (plan.layout === 'single' || !newFile) {
    last.count += count;
    return;
  }
  const period = nextPeriod(last.period, 1);
  plan.parts.push({
    period,
    path: pathOf(plan, period),
    seed: seedOf(plan.seed, period.label),
    count,
    removed: new Set(),
    revisions: new Map(),
    bad: [],
    dialect: last.dialect,
  });
}
