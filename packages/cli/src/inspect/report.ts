import { reasonOf, type SonghuaError } from '@songhua/domain';
import pc, { onStderr } from '../colours.js';
import { count, table } from '../format.js';
import type { InspectDocument, InspectFailure } from './types.js';

// As many as fit on a screen; the JSON document and the file have more.
const SHOWN_COLUMNS = 60;
const SHOWN_REJECTED = 10;
// A terminal line, about.
const LONGEST_TEXT = 100;

const TYPE_NAMES: Record<string, string> = {
  string: '文本 string',
  integer: '整数 integer',
  decimal: '小数 decimal',
  boolean: '是否 boolean',
  date: '日期 date',
  datetime: '日期时间 datetime',
  time: '时间 time',
  json: 'JSON json',
};

const DECISION_NAMES: Record<string, string> = {
  encoding: '编码 encoding',
  container: '容器 container',
  format: '格式 format',
  dialect: '分隔符 delimiter',
  header: '表头 header',
  records: '记录 records',
};

/** Text of a file for a terminal: control characters, which could steer it, are shown as escapes. */
export function shown(text: string, longest = LONGEST_TEXT): string {
  const safe = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => {
    const code = (c.codePointAt(0) ?? 0).toString(16);
    return c === '\t' ? '\\t' : `\\u${code.padStart(4, '0')}`;
  });
  const characters = [...safe];
  return characters.length <= longest ? safe : `${characters.slice(0, longest - 1).join('')}…`;
}

/** The report on one table for a person: what was decided and why, columns, what was rejected. */
export function tableReport(document: InspectDocument): string {
  const { file, rows, rejectedCount, warnings, sha256, written } = document;
  const lines = [
    '',
    pc.bold(shown(file, 200)),
    `${pc.green(count(rows))} rows / 行    ${rejectedCount > 0 ? pc.yellow(count(rejectedCount)) : '0'} rejected / 被拒    ${count(document.columns.length)} columns / 列    ${pc.dim(`sha256 ${sha256.slice(0, 16)}…`)}`,
    '',
    heading('found / 识别'),
    decisionTable(document),
    '',
    heading('columns / 列'),
    columnTable(document),
  ];
  if (rejectedCount > 0) lines.push('', heading('rejected / 被拒'), rejectedTable(document));
  if (warnings.length > 0)
    lines.push(
      '',
      heading('warnings / 注意'),
      ...warnings.map(({ code, message }) => `${pc.yellow(code)}  ${shown(message, 400)}`),
    );
  if (written) lines.push('', heading('written / 已写出'), shown(written.rows, 400), shown(written.rejected, 400));
  return lines.join('\n');
}

const heading = (text: string): string => pc.bold(pc.cyan(text));

function decisionTable({ decisions, dialect }: InspectDocument): string {
  const { quote, lineEnding, headerRows, preambleRows } = dialect;
  const rows = decisions.map(({ what, value, confidence, evidence }) => [
    DECISION_NAMES[what] ?? what,
    shown(value, 40),
    confidence >= 1 ? '100%' : `${Math.floor(confidence * 100)}%`,
    shown(evidence),
  ]);
  const quoting = quote === '' ? 'none' : `${quote}, escaped by ${dialect.escape}`;
  rows.push([
    '细节 details',
    `quote ${quoting}`,
    '',
    `${lineEnding} line ends, ${headerRows} header row(s), ${preambleRows} line(s) before`,
  ]);
  return table(['', 'value', 'sure', 'evidence'], rows);
}

function columnTable({ columns }: InspectDocument): string {
  const rows = columns
    .slice(0, SHOWN_COLUMNS)
    .map(({ name, type, nullable, unit, source }, i) => [
      i + 1,
      shown(name, 40),
      unit === 'percent' ? '百分数 decimal' : (TYPE_NAMES[type] ?? type),
      nullable ? '可空 yes' : '',
      source === name ? '' : shown(JSON.stringify(source), 40),
    ]);
  const more =
    columns.length > SHOWN_COLUMNS ? `\n… ${count(columns.length - SHOWN_COLUMNS)} more / 其余列见 --json` : '';
  return table(['#', 'name', 'type', 'blanks', 'in the source'], rows) + more;
}

function rejectedTable({ rejected, rejectedCount, rejectedByCode, written }: InspectDocument): string {
  const codes = Object.entries(rejectedByCode)
    .sort(([, a], [, b]) => b - a)
    .map(([code, n]) => `${code} ${count(n)}`)
    .join('   ');
  const first = rejected.slice(0, SHOWN_REJECTED).map(({ line, code, message }) => [line, code, shown(message, 160)]);
  const left = rejectedCount - first.length;
  const where = written ? '' : '; --out DIR writes them all / 加 --out 写出全部';
  return `${codes}\n${table(['line', 'code', 'why'], first)}${left > 0 ? `\n… ${count(left)} more${where}` : ''}`;
}

/** One line a table, for calls that name many files. */
export function overview(results: readonly (InspectDocument | InspectFailure)[]): string {
  const rows = results.map((result) =>
    'error' in result
      ? [shown(result.file, 60), pc.red(result.error.code), '', '', '', '']
      : [
          shown(result.file, 60),
          result.format,
          result.encoding,
          count(result.columns.length),
          count(result.rows),
          count(result.rejectedCount),
        ],
  );
  return `\n${heading('all / 汇总')}\n${table(['file', 'format', 'encoding', 'columns', 'rows', 'rejected'], rows)}`;
}

/** Why a file was not read, for stderr. */
export function failureReport(path: string, error: unknown): string {
  const { code, message } = reasonOf(error);
  const details = (error as Partial<SonghuaError>).details;
  const facts = details && Object.keys(details).length > 0 ? `\n${onStderr.dim(JSON.stringify(details))}` : '';
  const stack = code === 'internal.unexpected' ? `\n${(error as Error).stack ?? ''}` : '';
  return `${onStderr.red('error')} ${onStderr.bold(code)}: ${shown(path, 200)}: ${shown(message, 2000)}${facts}${stack}`;
}
