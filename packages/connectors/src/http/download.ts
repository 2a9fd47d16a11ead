import { open, writeFile } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { type Spooled, sourceError, spool, tooLarge } from '@songhua/connector-sdk';
import { shown, statusError, truncated } from './errors.js';
import { headerOf, type Response, waitingOf } from './exchange.js';

export interface Download extends Spooled {
  /** 200, or 204 for nothing. */
  status: number;
  /** The address that answered, after redirects. */
  url: URL;
  etag: string | undefined;
  lastModified: string | undefined;
  /** The server's own clock, for judging how much `lastModified` says. */
  date: string | undefined;
  /** The header Link. */
  link: string | undefined;
}

export interface Destination {
  path: string;
  maxBytes: number;
}

/** Spools an answer to a file; `undefined` when it is 304. Throws for every answer that is no success, or no data. */
export async function receive(
  response: Response,
  url: URL,
  { path, maxBytes, signal }: Destination & { signal: AbortSignal },
): Promise<Download | undefined> {
  const { statusCode: status, body } = response;
  if (status === 304) {
    await body.dump();
    return undefined;
  }
  if (status !== 200 && status !== 204) {
    await body.dump({ limit: 64 * 1024, signal });
    throw statusError(status, url, waitingOf(response));
  }
  const spooled =
    status === 204 ? await nothing(response, path) : await spoolBody(response, url, { path, maxBytes, signal });
  if (await isHtml(path)) {
    throw sourceError(
      'source.html',
      `${shown(url)} answered with an HTML page instead of data, perhaps a login or error page; open the address and correct the connector`,
    );
  }
  return {
    ...spooled,
    status,
    url,
    etag: headerOf(response, 'etag'),
    lastModified: headerOf(response, 'last-modified'),
    date: headerOf(response, 'date'),
    link: headerOf(response, 'link'),
  };
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

async function nothing({ body }: Response, path: string): Promise<Spooled> {
  await body.dump();
  await writeFile(path, '');
  return { bytes: 0, sha256: SHA256_OF_NOTHING };
}

async function spoolBody(
  response: Response,
  url: URL,
  { path, maxBytes, signal }: Destination & { signal: AbortSignal },
): Promise<Spooled> {
  const { body } = response;
  const encoding = headerOf(response, 'content-encoding') ?? 'identity';
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding)) {
    body.destroy();
    throw sourceError('source.unreadable', `${shown(url)} sends content-encoding ${encoding}; expected none or gzip`);
  }
  const expected = encoding === 'identity' ? Number(headerOf(response, 'content-length') ?? Number.NaN) : Number.NaN;
  if (expected > maxBytes) {
    body.destroy();
    throw tooLarge(maxBytes);
  }
  const spooled = await spool(body, path, {
    maxBytes,
    signal,
    ...(encoding === 'identity' ? {} : { through: createGunzip() }),
  });
  if (!Number.isNaN(expected) && expected !== spooled.bytes)
    throw truncated(url, `${spooled.bytes} of ${expected} bytes came`);
  return spooled;
}

const HTML_START = /^\uFEFF?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b/i;

async function isHtml(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1024), 0, 1024, 0);
    return HTML_START.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}
