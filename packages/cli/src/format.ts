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

/** A borderless table; numbers to the right. In a terminal of `columns` the last cell of a row goes on below itself, not at the line's beginning. */
export function table(
  head: string[],
  rows: (string | number)[][],
  columns = process.stdout.isTTY ? process.stdout.columns : undefined,
): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? count(cell) : cell)));
  const room = columns === undefined ? undefined : Math.max(MIN_LAST_WIDTH, columns - widthBeforeLast(head, cells));
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
  view.push(...cells.map((row) => row.map((cell, i) => (room && i === head.length - 1 ? folded(cell, room) : cell))));
  // Padding behind the last cell would make every line as long as the longest.
  return view.toString().replace(/ +$/gm, '');
}

const GAP = 2;
const MIN_LAST_WIDTH = 20;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const widthOf = (text: string): number => [...text].reduce((sum, c) => sum + (WIDE.test(c) ? 2 : 1), 0);

const widthBeforeLast = (head: string[], rows: string[][]): number =>
  head
    .slice(0, -1)
    .reduce(
      (sum, h, i) => sum + GAP + rows.reduce((most, row) => Math.max(most, widthOf(row[i] ?? '')), widthOf(h)),
      0,
    );

/** `text` in lines of at most `room` columns, broken at spaces where there are any. */
function folded(text: string, room: number): string {
  const lines: string[] = [];
  let line = '';
  for (const c of text) {
    const longer = line + c;
    if (c !== '\n' && widthOf(longer) <= room) {
      line = longer;
      continue;
    }
    const space = c === '\n' ? line.length : longer.lastIndexOf(' ');
    const end = space > 0 ? space : line.length;
    lines.push(line.slice(0, end));
    line = longer.slice(end).trimStart();
  }
  return [...lines, line].join('\n');
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
