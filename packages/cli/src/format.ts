import Table from 'cli-table3';
import pc from './colours.js';

const number = new Intl.NumberFormat('en-US');
export const count = (n: number): string => number.format(n);
export const seconds = (n: number): string => (n < 10 ? `${n.toFixed(1)} s` : `${Math.round(n)} s`);

/** 1,234,567 → `1.2 MB`; powers of 1000, as disks are sold. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A borderless table for terminals; numbers to the right. */
export function table(head: string[], rows: (string | number)[][]): string {
  const numeric = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'));
  const view = new Table({
    head: head.map((h) => pc.bold(h)),
    colAligns: numeric.map((n) => (n ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  view.push(...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? count(cell) : cell))));
  return view.toString();
}

/** Writes one JSON document to stdout. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document)}\n`);
}

/** What a command answers: one JSON document where that is asked for, otherwise what people read. */
export function print(json: boolean | undefined, document: unknown, text: () => string): void {
  if (json) printJson(document);
  else console.log(text());
}

/** A document that has no other view: on one line for machines, indented for people. */
export function printWhole(json: boolean | undefined, document: unknown): void {
  print(json, document, () => JSON.stringify(document, null, 2));
}
