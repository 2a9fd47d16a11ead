import { createHash } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { fileError, objectError, storeError } from './errors.js';
import type { Transferred } from './types.js';
import { PART_BYTES, sha256Of } from './upload.js';

/** The body as a stream whose errors are this package's; destroying it closes the connection. */
export function openBody(response: IncomingMessage, where: string): Readable {
  const body = new PassThrough();
  response.on('error', (error) => body.destroy(storeError(error, where)));
  body.on('close', () => response.destroy());
  return response.pipe(body);
}

/** The whole body, or `object.too-large` before more than `maxBytes` of it are held. */
export async function readLimited(response: IncomingMessage, maxBytes: number, where: string): Promise<Buffer> {
  const announced = announcedBytes(response);
  const tooLarge = (bytes: number) => {
    response.destroy();
    return objectError('object.too-large', `${where}: at least ${bytes} bytes where at most ${maxBytes} are expected`);
  };
  if (announced !== undefined && announced > maxBytes) throw tooLarge(announced);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Writes the body to `path`; removes what was written when it does not arrive whole. */
export async function downloadTo(response: IncomingMessage, path: string, where: string): Promise<Transferred> {
  try {
    const announced = announcedBytes(response);
    if (announced !== undefined && announced <= PART_BYTES) {
      const body = await readLimited(response, PART_BYTES, where);
      await onFile(path, () => writeFile(path, body));
      return { bytes: body.length, sha256: sha256Of(body) };
    }
    return await streamTo(response, path);
  } catch (error) {
    response.destroy();
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function streamTo(response: IncomingMessage, path: string): Promise<Transferred> {
  const hash = createHash('sha256');
  const file = await onFile(path, () => open(path, 'w'));
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      await onFile(path, () => file.writeFile(chunk));
    }
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function onFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}

function announcedBytes(response: IncomingMessage): number | undefined {
  const text = response.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}
