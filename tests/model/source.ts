import { createHash } from 'node:crypto';

/** How a connector of the model reads: `push` is sent to, the others ask. */
export type Way = 'full' | 'append' | 'merge' | 'push';
export const WAYS: readonly Way[] = ['full', 'append', 'merge', 'push'];

/** A table: what stands in each row, by its key. */
export type Rows = Readonly<Record<string, string>>;

/** What one read of a source brings, as it lies in landing. */
export interface Read {
  /** Everything that the source has, or what came since the cursor. */
  scope: 'all' | 'part';
  rows: Rows;
  /** Keys of rows that the rules refuse. */
  rejected: readonly string[];
  /** Somebody must look at it first. */
  flagged: boolean;
  cursor: Record<string, unknown>;
}

/** Content that was pushed, as a reader of it finds it. */
export interface Item {
  number: number;
  name: string;
  flagged: boolean;
}

export const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

export const identityOf = (rows: Rows): string => `sha256:${digestOf(Object.entries(rows).sort())}`;

// Few, so that a row is changed again and a whole source comes back to what it was.
const KEYS = 3;

/** A source that changes step by step; a step may be one that a person must let pass. */
export class Source {
  private readonly flags: boolean[] = [];

  change(flagged: boolean): void {
    this.flags.push(flagged);
  }

  get steps(): number {
    return this.flags.length;
  }

  /** What is new since `cursor`, everything without one, or what lies in `range`; undefined when nothing is. */
  read(
    way: Exclude<Way, 'push'>,
    cursor: Record<string, unknown> | undefined,
    range?: { from: number; to: number },
  ): Read | undefined {
    const { steps } = this;
    if (way === 'full') {
      const content = `c${steps % KEYS}`;
      if (cursor?.content === content) return undefined;
      const flagged = this.flags[steps - 1] ?? false;
      return { scope: 'all', rows: { table: content }, rejected: [`x${content}`], flagged, cursor: { content } };
    }
    const at = range ? Number(cursor?.at ?? 0) : steps;
    const from = range ? range.from : Number(cursor?.at ?? 0) + 1;
    const to = range ? range.to : steps;
    const found = positions(from, Math.min(to, steps));
    // A table of which only the newest row of a key is left.
    const there = way === 'merge' ? found.filter((step) => step + KEYS > steps) : found;
    if (cursor && !range && found.length === 0) return undefined;
    return {
      scope: 'part',
      rows: Object.fromEntries(there.map((step) => [keyOf(way, step), String(step)])),
      rejected: there.filter((step) => step % 4 === 1).map((step) => `x${step}`),
      flagged: there.some((step) => this.flags[step - 1]),
      cursor: { at },
    };
  }
}

const positions = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

const keyOf = (way: Way, step: number): string => (way === 'merge' ? `k${step % KEYS}` : `s${step}`);

/** What was pushed since the cursor, as one read. */
export function readPushed(items: readonly Item[], cursor: Record<string, unknown> | undefined): Read | undefined {
  const last = items.at(-1);
  if (!last) return undefined;
  return {
    scope: 'part',
    rows: Object.fromEntries(items.map(({ name }) => [name, name])),
    rejected: [],
    flagged: items.some(({ flagged }) => flagged),
    cursor: { number: Math.max(last.number, Number(cursor?.number ?? 0)) },
  };
}

/** The table after a read: rows of a key give way to later ones where the source can change them. */
export function applied(way: Way, table: Rows, read: Pick<Read, 'scope' | 'rows'>): Rows {
  if (read.scope === 'all') return read.rows;
  return way === 'merge' ? { ...table, ...read.rows } : { ...read.rows, ...table };
}

/** Rows that must be served where `cursor` stands, and are not: what was passed over (I5). */
export function passedOver(way: Exclude<Way, 'push'>, table: Rows, cursor: Record<string, unknown>): string[] {
  if (way === 'full') return table.table === cursor.content ? [] : [`table ${String(cursor.content)}`];
  const at = Number(cursor.at);
  return positions(1, at)
    .filter((step) => way === 'append' || step + KEYS > at)
    .filter((step) => Number(table[keyOf(way, step)] ?? 0) < step)
    .map((step) => `step ${step}`);
}
