export { cleanName, nameColumns, unnamedColumns } from './columns.js';
export { encodingName } from './encoding/decode.js';
export { ONLY_ASCII } from './encoding/detect.js';
export { FORMAT_ERRORS, type FormatErrorCode, ROW_PROBLEMS, type RowProblem } from './errors.js';
export { DEFAULT_LIMITS, LARGEST_LIMITS, type Limits } from './limits.js';
export { openTables } from './open.js';
export { RowWriter, type WriterOptions } from './rows/writer.js';
export type {
  Decision,
  Dialect,
  LineEnding,
  LineRun,
  ReadOptions,
  RejectedRow,
  SourceColumn,
  TableBatch,
  TableReader,
  TableSource,
  Warning,
} from './types.js';
