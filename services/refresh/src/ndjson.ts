import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type RejectedRow, rejectedRowSchema } from '@songhua/contracts';

/** Rejected rows of NDJSON.gz, one at a time. */
export async function* readRejected(path: string): AsyncGenerator<RejectedRow> {
  const text: Readable = createReadStream(path).pipe(createGunzip());
  for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY }))
    if (line !== '') yield rejectedRowSchema.parse(JSON.parse(line));
}
