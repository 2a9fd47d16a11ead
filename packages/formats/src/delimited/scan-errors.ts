import { formatError } from '../errors.js';

/** A cell or row beyond its limit. Where it would end is anybody's guess, so it is an error of the file. */
export function tooLong(
  name: string,
  line: number,
  code: 'limit.field-bytes' | 'limit.row-bytes',
  limit: number,
): Error {
  const [en, zh] = code === 'limit.field-bytes' ? ['cell', '单元格'] : ['row', '行'];
  return formatError(
    code,
    `${name} line ${line}: a ${en} is longer than ${limit} bytes; look there for a quote that is never closed, or raise the limit. ` +
      `第 ${line} 行的${zh}超过 ${limit} 字节，请检查引号是否闭合`,
    { file: name, line, limit },
  );
}

export const tooManyUnclosed = (name: string, line: number, limit: number): Error =>
  formatError(
    'quote.unclosed',
    `${name} line ${line}: more than ${limit} quotes are not closed where they should be; name the quote of the file, or export it again. ` +
      `第 ${line} 行：引号未闭合的行太多`,
    { file: name, line, limit },
  );
