import type { Warning } from './types.js';

/** A warning in the two languages that a clerk may read, in the style of rejected rows. */
export const warning = (code: string, zh: string, en: string): Warning => ({ code, message: `${zh} / ${en}` });

/** What stands above the header. */
export const preambleWarning = (lines: number): Warning[] =>
  lines === 0
    ? []
    : [
        warning(
          'table.preamble',
          `第 1 至 ${lines} 行在表头之前，未作为数据读取`,
          `lines 1 to ${lines} stand before the header and were not read as rows`,
        ),
      ];

/** What stands below the last row. */
export const footerWarning = (line: number, notes: number): Warning =>
  warning(
    'table.footer',
    `从第 ${line} 行起有 ${notes} 行注释或合计，未作为数据读取`,
    `from line ${line} on ${notes} note(s) or total(s) were not read as rows`,
  );

/** Lists of records that a document holds beside the one that is read, as `path (count)`. */
export const othersWarning = (paths: string[]): Warning =>
  warning(
    'records.others',
    `其他位置的记录未读取：${paths.join('、')}；如需读取，请在 recordPath 中写明其中一个`,
    `records elsewhere were not read: ${paths.join(', ')}; name one in recordPath to read it`,
  );
