import type { SqlDialect } from '../sql/index.js';

export const sqliteDialect: SqlDialect = {
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  placeholder: () => '?',
  takesMore: true,
};
