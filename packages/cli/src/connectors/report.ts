import pc from '../colours.js';
import { count, table } from '../format.js';
import type { DryRunAnswer, PreviewAnswer, Stream } from './answers.js';

// Of a cell, as much as tells what it is.
const WIDEST_CELL = 24;
const WIDEST_RAW = 60;

const cell = (value: unknown): string => {
  const text =
    value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.length > WIDEST_CELL ? `${text.slice(0, WIDEST_CELL)}…` : text;
};

function rowsShown(columns: { name: string; type: string }[], rows: Record<string, unknown>[]): string {
  if (rows.length === 0) return pc.dim('(no rows)');
  return table(
    columns.map(({ name, type }) => `${name} ${pc.dim(type)}`),
    rows.map((row) => columns.map(({ name }) => cell(row[name]))),
  );
}

function rejectedShown(rejected: PreviewAnswer['rejected'], total: number): string[] {
  if (total === 0) return [];
  return [
    '',
    `${pc.yellow(`${count(total)} rejected`)}${total > rejected.length ? `, the first ${count(rejected.length)}:` : ':'}`,
    table(
      ['line', 'field', 'code', 'why', 'row'],
      rejected.map(({ line, field, code, message, raw }) => [
        line === undefined ? '-' : String(line),
        field ?? '',
        code,
        message,
        raw.slice(0, WIDEST_RAW),
      ]),
    ),
  ];
}

export function previewShown(answer: PreviewAnswer): string {
  const { columns, rows, rejected, rejectedCount, rowsRead, complete, decisions } = answer;
  return [
    rowsShown(columns, rows),
    ...rejectedShown(rejected, rejectedCount),
    '',
    complete
      ? `as the public would see the source: all ${count(rowsRead)} rows were read`
      : `as the public would see the first of ${count(rowsRead)} rows read; later rows may change types`,
    ...decisions.map(({ what, value, evidence }) => pc.dim(`${what}: ${value} (${evidence})`)),
  ].join('\n');
}

export function streamsShown(streams: Stream[]): string {
  return streams
    .map(({ name, rowsEstimate, columns, suggested, decisions }) =>
      [
        `${pc.bold(name)}${rowsEstimate === undefined ? '' : `  about ${count(Math.round(rowsEstimate))} rows`}`,
        table(
          ['column', 'type', 'in the source'],
          columns.map((column) => [
            column.name,
            column.type ?? '?',
            column.source === column.name ? '' : column.source,
          ]),
        ),
        `suggested: key ${suggested.key.join(', ') || '(none found)'}; cursor ${suggested.cursor ?? '(none)'}; mode ${suggested.mode}; frequency ${suggested.frequency}`,
        ...(decisions ?? []).map(({ what, value, evidence }) => pc.dim(`${what}: ${value} (${evidence})`)),
      ].join('\n'),
    )
    .join('\n\n');
}

const OUTCOMES = {
  published: pc.green('would be published'),
  unchanged: 'is as published: no new version',
  held: pc.yellow('would be held for a person'),
  refused: pc.red('would be refused'),
};

export function dryRunShown(answer: DryRunAnswer): string {
  const { outcome, reason, present, columns, rows, counts, changes, rejectedByCode, rejected, rejectedCount } = answer;
  return [
    `${present ? `version ${present.version + 1}` : 'the first version'} ${OUTCOMES[outcome]}${reason ? `: ${reason.code}, ${reason.message} (who can act: ${reason.actor})` : ''}`,
    '',
    table(
      ['column', 'type', 'empty'],
      columns.map(({ name, type, nullable }) => [name, type, nullable ? 'may be' : 'never']),
    ),
    '',
    `rows ${count(rows)}  read ${count(counts.read ?? 0)}  deduplicated ${count(counts.deduplicated ?? 0)}  rejected ${count(rejectedCount)}`,
    ...(present
      ? [
          `against version ${present.version} (${count(present.rows)} rows): added ${count(changes.added)}  changed ${count(changes.changed)}  removed ${count(changes.removed)}`,
        ]
      : []),
    ...Object.entries(rejectedByCode).map(([code, n]) => `  ${code} ${count(n)}`),
    '',
    rowsShown(columns, answer.first),
    ...rejectedShown(rejected, rejectedCount),
    ...(answer.complete ? [] : ['', pc.yellow('the source is larger than a dry run reads: this is of its first rows')]),
    '',
    pc.dim('nothing was stored'),
  ].join('\n');
}
