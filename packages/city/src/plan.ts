import type { Frequency } from '@songhua/domain';
import { type ArchetypeName, archetypes } from './archetypes/all.js';
import { type CatalogueEntry, departments, entriesOf } from './catalogue/departments.js';
import { pad } from './cells.js';
import { planBadRows } from './dirt.js';
import { paragraphs } from './fields.js';
import { chooseFormat } from './formats/choose.js';
import { below, type Draws, draw, drawsFor, pick, seedOf } from './random.js';
import { type Shape, shapeOf } from './shapes.js';
import { datasetSizes } from './sizes.js';
import type { Archetype, DatasetPlan, DateStyle, Dialect, Dress, Field, Layout, Part, Period } from './types.js';

// What departments' systems write, by how often they do.
const ENCODINGS: readonly Dialect['encoding'][] = ['utf-8', 'utf-8', 'utf-8-bom', 'gb18030', 'gb18030'];
const DELIMITERS: readonly Dialect['delimiter'][] = [',', ',', ',', ',', ',', ',', ',', ';', '\t', ','];
const BLANKS: readonly (readonly string[])[] = [[''], [''], ['空'], ['无'], ['N/A'], ['-'], ['', '无', '-']];
const DATE_STYLES: readonly (readonly DateStyle[])[] = [
  ['iso'],
  ['iso'],
  ['slash'],
  ['compact'],
  ['chinese'],
  ['iso', 'slash'],
  ['iso', 'slash', 'compact', 'chinese'],
];
// These leave out what has no value, so no word stands for it.
const SPARSE: ReadonlySet<Shape | undefined> = new Set<Shape>(['pretty-json', 'indented-xml']);
// Styles that say by themselves that they are dates.
const PLAIN_DATE_STYLES: readonly (readonly DateStyle[])[] = [['iso'], ['slash'], ['chinese']];

export interface PlanOptions {
  scale: number;
  seed: number;
}

/** The city's datasets as they stand before any step, in the catalogue's order. */
export function planCity(options: PlanOptions): DatasetPlan[] {
  const entries = departments.flatMap(entriesOf);
  const sizes = sizesByEntry(entries, options);
  return entries.map((entry, i) => planDataset(entry, sizes[i] as number, options.seed));
}

/** Gives large sizes to the kinds of dataset that are large, and to shapes the rank that they are there for. */
function sizesByEntry(entries: readonly CatalogueEntry[], { scale, seed }: PlanOptions): number[] {
  const placed = entries.map((entry, at) => ({
    at,
    weight: archetypes[entry.kind].magnitude + 0.5 * draw(drawsFor(seed, 'rank', nameOf(entry))),
    rank: shapeOf(nameOf(entry))?.rank,
  }));
  const ranked = placed.filter((p) => p.rank === undefined).sort((a, b) => b.weight - a.weight || b.at - a.at);
  const fixed = placed.flatMap(({ rank, ...p }) => (rank === undefined ? [] : [{ ...p, rank }]));
  for (const one of fixed.sort((a, b) => a.rank - b.rank)) ranked.splice(one.rank, 0, one);
  const sizes = datasetSizes(entries.length, scale, seed);
  const result: number[] = new Array(entries.length);
  ranked.forEach(({ at }, rank) => {
    result[at] = sizes[sizes.length - 1 - rank] as number;
  });
  return result;
}

function nameOf(entry: CatalogueEntry): string {
  const { slug } = archetypes[entry.kind];
  return entry.special || entry.slug.endsWith(slug) ? entry.slug : `${entry.slug}-${slug}`;
}

function planDataset(entry: CatalogueEntry, rows: number, seed: number): DatasetPlan {
  const archetype: Archetype = archetypes[entry.kind];
  const name = nameOf(entry);
  const draws = drawsFor(seed, name);
  const shaped = shapeOf(name);
  const layout = shaped?.layout ?? layoutOf(archetype, draws);
  const fields = fieldsOf(archetype, shaped?.shape, draws);
  const declared = fields.some((f) => f.ambiguous) || entry.special || draw(draws) < 0.65;
  const keyless = !entry.special && draw(draws) < 0.04;
  const title = entry.special ? entry.title : `${entry.title}${archetype.title}`;
  const plan: DatasetPlan = {
    name,
    title,
    subject: entry.title,
    description: `${title}：${archetype.description}。`,
    department: entry.department,
    domain: entry.domain,
    frequency: pick<Frequency>(draws, archetype.frequencies),
    source: shaped?.source ?? (layout === 'single' && draw(draws) < 0.55 ? 'http' : 'file'),
    format: shaped?.format ?? 'csv',
    shape: shaped?.shape,
    layout,
    fields,
    primaryKey: keyless ? [] : fields.filter((f) => f.key).map((f) => f.header),
    declared,
    dress: { ...dressOf(declared, draws), ...(SPARSE.has(shaped?.shape) && { blanks: [''] }) },
    parts: [],
    state: 'sound',
    seed: seedOf(seed, 'rows', name),
  };
  plan.parts = partsOf(plan, entry.kind, rows, draws, dialectOf(seed, entry.department, draws));
  planBadRows(plan, rows);
  // The report's own datasets stay what they were there.
  if (!entry.special && shaped === undefined) plan.format = chooseFormat(plan, seed);
  for (const part of plan.parts) part.path = pathOf(plan, part.period);
  return plan;
}

function layoutOf(archetype: Archetype, draws: Draws): Layout {
  const several = archetype.layouts.filter((l) => l !== 'single');
  if (!archetype.layouts.includes('single')) return pick(draws, several);
  return several.length > 0 && draw(draws) < 0.25 ? pick(draws, several) : 'single';
}

function fieldsOf(archetype: Archetype, shape: Shape | undefined, draws: Draws): Field[] {
  const chosen = [...archetype.fields, ...archetype.optional.filter(() => draw(draws) < 0.5)];
  const fields = chosen.map((field) => ({ ...field, header: pick(draws, field.header.split('|')) }));
  if (shape !== 'multi-line-csv') return fields;
  return fields.map((field) => (field.free && field.type === 'string' ? paragraphs(field) : field));
}

function dressOf(declared: boolean, draws: Draws): Dress {
  // Without declared types a reader can be held only to what the text says by itself.
  return {
    dates: pick(draws, declared ? DATE_STYLES : PLAIN_DATE_STYLES),
    blanks: declared ? pick(draws, BLANKS) : [''],
    thousands: declared && draw(draws) < 0.4,
    looseDistricts: draw(draws) < 0.3,
  };
}

/** A department's system writes most of its files the same way. */
function dialectOf(seed: number, department: string, draws: Draws): Dialect {
  const own = draw(draws) < 0.2 ? draws : drawsFor(seed, 'system', department);
  return {
    encoding: pick(own, ENCODINGS),
    delimiter: pick(own, DELIMITERS),
    newline: draw(own) < 0.5 ? '\r\n' : '\n',
    quoteAll: draw(own) < 0.15,
    finalNewline: draw(own) < 0.9,
  };
}

function partsOf(plan: DatasetPlan, kind: ArchetypeName, rows: number, draws: Draws, dialect: Dialect): Part[] {
  const periods = periodsOf(plan.layout, kind, rows, draws);
  // The four years of admission scores were four pages in four formats before they became one dataset.
  const varied = kind === 'admissions' || draw(draws) < 0.15;
  const rowsBefore = (i: number): number => Math.floor((rows * i) / periods.length);
  return periods.map((period, i) => ({
    period,
    path: pathOf(plan, period),
    seed: seedOf(plan.seed, period.label),
    count: rowsBefore(i + 1) - rowsBefore(i),
    removed: new Set(),
    revisions: new Map(),
    bad: [],
    dialect: varied ? { ...dialect, encoding: ENCODINGS[(i + 1) % ENCODINGS.length] as Dialect['encoding'] } : dialect,
    // The oldest file comes from an export that put the last column first.
    ...(varied && i === 0 && periods.length > 1 ? { order: lastFirst(plan.fields.length) } : {}),
  }));
}

const lastFirst = (count: number): number[] => [count - 1, ...Array.from({ length: count - 1 }, (_, k) => k)];

function periodsOf(layout: Layout, kind: ArchetypeName, rows: number, draws: Draws): Period[] {
  if (layout === 'single') return [{ label: '', year: 0, month: 0, day: 0 }];
  const wanted = kind === 'admissions' ? 4 : filesOf(layout, rows, draws);
  const count = Math.max(2, Math.min(wanted, Math.floor(rows / 3)));
  const periods = [LAST_PERIODS[layout]];
  while (periods.length < count) periods.unshift(step(periods[0] as Period, -1));
  return periods;
}

// A folder that a department's system has put a file into every day for eight years.
const MOST_DAYS = 3000;
const ROWS_A_DAY = 9;
const LAST_PERIODS: Record<Exclude<Layout, 'single'>, Period> = {
  yearly: { label: '2017', year: 2017, month: 0, day: 0 },
  monthly: { label: '201706', year: 2017, month: 6, day: 0 },
  daily: { label: '20170630', year: 2017, month: 6, day: 30 },
};

function filesOf(layout: Exclude<Layout, 'single'>, rows: number, draws: Draws): number {
  if (layout === 'daily') return Math.min(MOST_DAYS, Math.floor(rows / ROWS_A_DAY));
  return layout === 'yearly' ? 3 + below(draws, 4) : 4 + below(draws, 9);
}

/** The period after (or before) another of the same length. */
export function step(period: Period, by: 1 | -1): Period {
  if (period.day > 0) return dayOf(new Date(Date.UTC(period.year, period.month - 1, period.day + by)));
  if (period.month === 0) return { label: String(period.year + by), year: period.year + by, month: 0, day: 0 };
  const months = period.year * 12 + period.month - 1 + by;
  const year = Math.floor(months / 12);
  const month = (months % 12) + 1;
  return { label: `${year}${pad(month, 2)}`, year, month, day: 0 };
}

function dayOf(date: Date): Period {
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  return { label: `${year}${pad(month, 2)}${pad(day, 2)}`, year, month, day };
}

/** Where a file of a dataset lies under the city's folder. */
export function pathOf(plan: DatasetPlan, period: Period): string {
  if (plan.source === 'http') return `http/${plan.department}/${plan.name}.${plan.format}`;
  const file = period.label === '' ? plan.name : `${plan.name}/${plan.name}-${period.label}`;
  return `files/${plan.department}/${file}.${plan.format}`;
}
