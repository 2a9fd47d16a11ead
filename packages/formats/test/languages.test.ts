import { expect, test } from '@jest/globals';
import { ROW_PROBLEMS, rowMessage } from '../src/errors.js';
import * as warnings from '../src/warnings.js';

const BOTH = /^[^/]*[\u4e00-\u9fff].* \/ .*[a-z]{3}/;

test('every reason to reject a row and every warning is in Chinese and English, in one style', () => {
  for (const code of Object.keys(ROW_PROBLEMS) as (keyof typeof ROW_PROBLEMS)[]) {
    expect(rowMessage(code, { expected: 3, found: 2, encoding: 'utf-8' })).toMatch(BOTH);
    expect(rowMessage(code, { expected: 3, found: 2, encoding: 'utf-8', place: 'C4' })).toMatch(BOTH);
  }
  const all = [
    ...warnings.preambleWarning(2),
    warnings.footerWarning(9, 1),
    warnings.othersWarning(['/a (3)', '/b (2)']),
    ...warnings.mergedWarning({ down: 1, across: 2, covered: 3 }),
  ];
  expect(all.map((w) => w.code)).toEqual(['table.preamble', 'table.footer', 'records.others', 'sheet.merged']);
  for (const { message } of all) expect(message).toMatch(BOTH);
});
