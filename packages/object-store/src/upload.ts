import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Client } from 'minio';
import { fileError, objectError } from './errors.js';
import type { Transferred } from './types.js';

/** The most of a file that is held in memory; also S3's smallest useful part. */
export const PART_BYTES = 8 * 1024 * 1024;
// S3 takes 10,000 parts an upload; 9,999 leaves the last, shorter one out of the arithmetic.
const MAX_PARTS = 9_999;

/** Where an upload goes. */
export interface Target {
  client: Client;
  bucket: string;
  key: string;
  contentType: string;
}

export const sha256Of = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

/**
 * One PUT from memory. The body's SHA-256 is signed, so the store refuses what was damaged on the way. `putObject` of the client
 * would hash twice more and copy the body through a stream.
 */
export async function putBuffer(
  target: Target,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<Transferred> {
  const { client, bucket, key, contentType } = target;
  const sha256 = sha256Of(body);
  const response = await client.makeRequestStreamAsync(
    {
      method: 'PUT',
      bucketName: bucket,
      objectName: key,
      headers: { 'content-type': contentType, 'content-length': body.length, ...headers },
    },
    body,
    client.enableSHA256 ? sha256 : '',
    [200],
    '',
  );
  for await (const _ of response) {
    // Draining frees the connection for the next request.
  }
  return { bytes: body.length, sha256 };
}

/** Sends a local file, in one PUT when it fits a part. The file is read once; it must not change meanwhile. */
export async function putLocalFile(target: Target, path: string): Promise<Transferred> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    const { size } = await file.stat();
    if (size > PART_BYTES) return await putParts(target, file, path, size);
    return await putBuffer(target, await readPart(file, path, Buffer.allocUnsafe(size), 0));
  } finally {
    await file.close();
  }
}

async function readPart(file: FileHandle, path: string, into: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file
      .read(into, filled, into.length - filled, position + filled)
      .catch((error: unknown) => {
        throw fileError(error, path);
      });
    if (bytesRead === 0)
      throw objectError(
        'object.local-file',
        `${path}: ended at byte ${position + filled}, before its size; it changed while it was sent`,
      );
    filled += bytesRead;
  }
  return into;
}

/** An upload of its own, never another writer's unfinished one, which `putObject` of the client would resume. */
async function putParts(target: Target, file: FileHandle, path: string, size: number): Promise<Transferred> {
  const { client, bucket, key, contentType } = target;
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
  const hash = createHash('sha256');
  const uploadId = await client.initiateNewMultipartUpload(bucket, key, { 'content-type': contentType });
  try {
    const buffer = Buffer.allocUnsafe(partBytes);
    const parts: { part: number; etag: string }[] = [];
    for (let position = 0; position < size; position += partBytes) {
      const body = await readPart(file, path, buffer.subarray(0, Math.min(partBytes, size - position)), position);
      hash.update(body);
      const part = parts.length + 1;
      const { etag } = await client.uploadPart(
        { bucketName: bucket, objectName: key, uploadID: uploadId, partNumber: part, headers: {} },
        body,
      );
      parts.push({ part, etag });
    }
    await client.completeMultipartUpload(bucket, key, uploadId, parts);
  } catch (error) {
    // The parts already sent would stay, unseen and paid for; the store's own lifecycle takes them when this fails too.
    await client.abortMultipartUpload(bucket, key, uploadId).catch(() => undefined);
    throw error;
  }
  return { bytes: size, sha256: hash.digest('hex') };
}
