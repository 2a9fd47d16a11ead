import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { codeOf } from '@songhua/domain';
import { tooManyBytes } from './errors.js';

const inflate = promisify(gunzip) as (packed: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** Throws a BatchError beyond `most` bytes, and what zlib throws. */
export async function unpack(packed: Buffer, most: number): Promise<Buffer> {
  try {
    return await inflate(packed, { maxOutputLength: most });
  } catch (error) {
    throw codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooManyBytes(most) : error;
  }
}
