import type { ValueRule } from './types.js';

/** Text, byte for byte as the source has it. */
export const stringRule: ValueRule = {
  sqlType: () => 'VARCHAR',
  parse: (cell) => cell,
  canonical: (value) => value,
  text: (value) => value,
};
