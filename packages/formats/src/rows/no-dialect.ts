import type { Dialect } from '../types.js';

/** The dialect of formats that have none. */
export const noDialect = (headerRows = 0, preambleRows = 0): Dialect => ({
  delimiter: '',
  quote: '',
  escape: '',
  lineEnding: 'lf',
  headerRows,
  preambleRows,
});
