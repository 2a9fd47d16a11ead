import type { SqlDialect } from '../sql/index.js';

export const postgresDialect: SqlDialect = {
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  // Untyped, so the server reads the text as the type of the column beside it.
  placeholder: (index) => `$${index}`,
  since(horizon) {
    // Rows keep 32 of its bits, of which the first three numbers are not transactions.
    const short = BigInt(horizon) & 0xffff_ffffn;
    return `age(xmin) <= age('${short < 3n ? 3n : short}'::xid)`;
  },
};
