import { cellText } from './fields.js';
import { mix } from './random.js';
import type { BadRow, DatasetPlan, Dress, Part, Row } from './types.js';

// Revisions from here on are of rows that repeat a key, and differ from the first in every cell that is not of the key.
const REPEATED = 1 << 20;
// How a value is written when only the value counts.
const CANONICAL: Dress = { dates: ['iso'], blanks: [''], thousands: false, looseDistricts: false };
const UNFIT = { integer: '待核实', decimal: '约五成', date: '2017-13-45', datetime: '2017-02-30 25:61:00' } as const;

/** Writes the cells of one row into `cells`. */
export function renderRow(
  plan: DatasetPlan,
  part: Part,
  at: { index: number; revision: number; dress?: Dress },
  cells: string[],
): void {
  const base = part.seed ^ Math.imul(at.index + 1, 0x9e3779b1);
  const row: Row = {
    state: 0,
    index: at.index,
    period: part.period,
    dress: at.dress ?? plan.dress,
    subject: plan.subject,
    anchor: mix(base) >>> 0,
  };
  const salt = Math.imul(at.revision, 0xc2b2ae35);
  const { fields } = plan;
  for (let k = 0; k < fields.length; k++) {
    const field = fields[k] as (typeof fields)[number];
    const changing = field.mutable || (at.revision >= REPEATED && !field.key);
    row.state = mix(base ^ Math.imul(k + 1, 0x85ebca6b) ^ (changing ? salt : 0));
    cells[k] = cellText(field, row);
  }
}

/** A row's values, however the dataset writes them. */
export function canonicalRow(plan: DatasetPlan, part: Part, index: number, revision: number): string {
  const cells: string[] = [];
  // District spellings are kept as they are, so they count as values.
  const dress = { ...CANONICAL, looseDistricts: plan.dress.looseDistricts };
  renderRow(plan, part, { index, revision, dress }, cells);
  return cells.join('\u0001');
}

/** The first revision after `after` whose values differ from those of the row as it stands, or undefined when its cells cannot change. */
export function nextRevision(plan: DatasetPlan, part: Part, index: number, after: number): number | undefined {
  const current = canonicalRow(plan, part, index, part.revisions.get(index) ?? 0);
  for (let revision = after + 1; revision < after + 20; revision++) {
    if (canonicalRow(plan, part, index, revision) !== current) return revision;
  }
  return undefined;
}

/**
 * The rows of a file in order, bad ones among them. The array that is handed out is used again for the next row;
 * ragged rows have fewer or more cells than the dataset has fields.
 */
export function* rowsOf(plan: DatasetPlan, part: Part): Generator<readonly string[]> {
  const cells: string[] = new Array(plan.fields.length).fill('');
  const { bad, removed, revisions } = part;
  let nextBad = 0;
  for (let index = 0; index < part.count; index++) {
    if (removed.size === 0 || !removed.has(index)) {
      const revision = revisions.size === 0 ? 0 : (revisions.get(index) ?? 0);
      renderRow(plan, part, { index, revision }, cells);
      yield cells;
    }
    for (; bad[nextBad]?.after === index; nextBad++) yield badCells(plan, part, bad[nextBad] as BadRow);
  }
}

function badCells(plan: DatasetPlan, part: Part, bad: BadRow): string[] {
  const cells: string[] = [];
  const { index, detail } = bad;
  const revision =
    bad.kind === 'duplicate-key'
      ? (nextRevision(plan, part, index, REPEATED) ?? REPEATED)
      : (part.revisions.get(index) ?? 0);
  renderRow(plan, part, { index, revision }, cells);
  switch (bad.kind) {
    case 'short':
      return oneLine(cells).slice(0, -detail);
    case 'long':
      return [...oneLine(cells), ...Array.from({ length: detail }, () => '多余')];
    case 'blank-cell':
      cells[detail] = '';
      return cells;
    case 'bad-cell':
      cells[detail] = UNFIT[plan.fields[detail]?.type as keyof typeof UNFIT];
      return cells;
    default:
      return cells;
  }
}

/** How many rows a ragged row of several lines is, is a matter of opinion among readers; the truth must not depend on it. */
const oneLine = (cells: string[]): string[] => cells.map((cell) => cell.replaceAll('\n', '；'));
