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
          `表头之前的 ${lines} 行未作为数据读取`,
          `${lines} line(s) before the header were not read as rows`,
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

/** What was made of merged cells among the rows; nothing where there were none. */
export const mergedWarning = ({
  down,
  across,
  covered,
}: {
  down: number;
  across: number;
  covered: number;
}): Warning[] => {
  if (down + across + covered === 0) return [];
  const zh = [
    `数据行中有合并单元格：向下补全 ${down} 个单元格`,
    ...(across === 0 ? [] : [`${across} 处跨列合并，值只归第一列`]),
    ...(covered === 0 ? [] : [`${covered} 个被合并遮住的值未读取`]),
  ];
  const en = [
    `merged cells among the rows: ${down} cell(s) below were given their value`,
    ...(across === 0 ? [] : [`${across} range(s) over several columns keep it in the first`]),
    ...(covered === 0 ? [] : [`${covered} value(s) hidden under merged cells were not read`]),
  ];
  return [warning('sheet.merged', zh.join('；'), en.join('; '))];
};
