import type { ValueRule } from './types.js';

/** JSON text, byte for byte; only by declaration. */
export const jsonRule: ValueRule = {
  sqlType: () => 'VARCHAR',
  parse: (cell) => `CASE WHEN json_valid(${cell}) THEN ${cell} END`,
  canonical: (value) => value,
  text: (value) => value,
};
