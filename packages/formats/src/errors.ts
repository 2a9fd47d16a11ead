import { type Actor, SonghuaError } from '@songhua/domain';

/** Codes that reading a source can end with, and who can act. */
export const FORMAT_ERRORS = {
  'source.empty': 'department',
  'source.html': 'department',
  'source.missing': 'department',
  'format.unknown': 'department',
  'format.unsupported': 'department',
  'container.damaged': 'department',
  'container.encrypted': 'department',
  'container.path': 'department',
  'container.symlink': 'department',
  'container.nested': 'department',
  'encoding.unknown': 'department',
  'encoding.invalid': 'department',
  'dialect.invalid': 'department',
  'quote.unclosed': 'department',
  'limit.field-bytes': 'department',
  'limit.row-bytes': 'department',
  'limit.columns': 'department',
  'limit.bytes': 'department',
  'limit.ratio': 'department',
  'limit.entries': 'department',
  'limit.depth': 'department',
  'limit.shared-bytes': 'department',
  'limit.merged-ranges': 'department',
  'limit.time': 'department',
  'json.invalid': 'department',
  'xml.invalid': 'department',
  'xml.doctype': 'department',
  'workbook.invalid': 'department',
  'records.missing': 'department',
  'read.aborted': 'platform',
} as const satisfies Record<string, Actor>;
export type FormatErrorCode = keyof typeof FORMAT_ERRORS;

/** Builds the error of a code; none of them goes away by trying again. */
export function formatError(
  code: FormatErrorCode,
  message: string,
  details: Record<string, unknown> = {},
  cause?: unknown,
): SonghuaError {
  return new SonghuaError(code, message, { actor: FORMAT_ERRORS[code], details, cause });
}

export const emptySource = (name: string): SonghuaError =>
  formatError('source.empty', `${name} is empty: expected at least a header row; export it again. 文件是空的`, {
    file: name,
  });

/** Bytes that nothing here reads. */
export const unknownFormat = (name: string): SonghuaError =>
  formatError('format.unknown', `${name} is of no known format: export it as CSV. 无法识别文件格式，请导出为 CSV`, {
    file: name,
  });

/** Why a row was not read. `zh` and `en` are what a clerk sees, joined by ` / `. */
export const ROW_PROBLEMS = {
  'row.fields': {
    zh: (f: RowFacts) =>
      f.place === undefined
        ? `应有 ${f.expected} 个字段，实有 ${f.found} 个；请检查分隔符、引号或列宽`
        : `单元格 ${f.place} 在表格的 ${f.expected} 列之外；请删除其内容，或为该列补上表头`,
    en: (f: RowFacts) =>
      f.place === undefined
        ? `expected ${f.expected} fields, found ${f.found}; check delimiters, quotes or widths`
        : `cell ${f.place} lies outside the ${f.expected} columns of the table; clear it, or give its column a header`,
  },
  'row.quote': {
    zh: () => '引号不成对；文字中的引号应写成两个',
    en: () => 'quotes do not pair; write a quote that is text twice',
  },
  'row.nul': {
    zh: () => '含有空字节 (NUL)；请重新导出',
    en: () => 'contains a NUL byte; export the file again',
  },
  'row.encoding': {
    zh: (f: RowFacts) => `含有不属于 ${f.encoding} 的字节；请检查导出时的编码`,
    en: (f: RowFacts) => `contains bytes that are not ${f.encoding}; check the encoding of the export`,
  },
  'row.header-repeated': {
    zh: () => '表头重复出现，不是数据',
    en: () => 'the header again, not data',
  },
  'row.json': {
    zh: () => '此行不是完整的 JSON 对象；请检查引号、逗号和括号',
    en: () => 'is not one whole JSON object; check quotes, commas and brackets',
  },
  'row.key-repeated': {
    zh: () => '同一字段名出现多次；请只保留一个',
    en: () => 'has a key twice; keep one of them',
  },
  'row.formula': {
    zh: (f: RowFacts) => `单元格 ${f.place ?? ''} 的公式没有计算结果；请用 Excel 打开并保存后再发送`,
    en: (f: RowFacts) =>
      `cell ${f.place ?? ''} has a formula without its value; open it in a spreadsheet, save it and send it again`,
  },
} as const;
export type RowProblem = keyof typeof ROW_PROBLEMS;

export interface RowFacts {
  expected: number;
  found: number;
  encoding: string;
  /** Where in the row, as the source names its cells. */
  place?: string | undefined;
}

export function rowMessage(code: RowProblem, facts: RowFacts): string {
  const problem = ROW_PROBLEMS[code];
  return `${problem.zh(facts)} / ${problem.en(facts)}`;
}
