import type { ColumnType } from '@songhua/domain';
import { booleanRule } from './boolean.js';
import { dateRule } from './date.js';
import { datetimeRule } from './datetime.js';
import { decimalRule } from './decimal.js';
import { integerRule } from './integer.js';
import { jsonRule } from './json.js';
import { stringRule } from './string.js';
import { timeRule } from './time.js';
import type { ValueRule } from './types.js';

export const RULES: Record<ColumnType, ValueRule> = {
  string: stringRule,
  integer: integerRule,
  decimal: decimalRule,
  boolean: booleanRule,
  date: dateRule,
  datetime: datetimeRule,
  time: timeRule,
  json: jsonRule,
};
