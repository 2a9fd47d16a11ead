import { createReadStream } from 'node:fs';
import { type RejectedRow, rejectedRowSchema } from '@songhua/contracts';
import { readNdjsonGz } from '@songhua/runtime/ndjson';

/** Rejected rows of a local NDJSON.gz file, one at a time. */
export const readRejected = (path: string): AsyncGenerator<RejectedRow> =>
  readNdjsonGz(createReadStream(path), rejectedRowSchema);
