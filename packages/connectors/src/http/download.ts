import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { type Network, type Spooled, sourceError, spool, throwIfAborted, tooLarge } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { Agent, type Dispatcher, request } from 'undici';

export interface Download extends Spooled {
  /** The address that answered, after redirects. */
  url: URL;
  etag: string | undefined;
  lastModified: string | undefined;
  /** The server's own clock, for judging how much `lastModified` says. */
  date: string | undefined;
}

export interface DownloadOptions {
  headers: Record<string, string>;
  /** Sent to the first host only: a redirect elsewhere must not carry them. */
  credentials: Record<string, string>;
  path: string;
  maxBytes: number;
  timeoutMs: number;
  signal: AbortSignal;
}

// As many as browsers' libraries commonly allow is 20; an export that needs more than 5 is misconfigured.
const MAX_REDIRECTS = 5;
// A peer that sends nothing for this long is hanging; the whole download has its own, longer limit.
const IDLE_MS = 30_000;

export interface Downloader {
  /** Downloads to `options.path`, or `undefined` when the server answers 304. Errors are `source.…` and `connector.address-refused`. */
  get(url: string, options: DownloadOptions): Promise<Download | undefined>;
  close(): Promise<void>;
}

export function createDownloader(network: Network): Downloader {
  const agent = new Agent({
    connect: { lookup: network.lookup, timeout: 10_000 },
    headersTimeout: IDLE_MS,
    bodyTimeout: IDLE_MS,
    connections: 8,
    pipelining: 1,
  });
  return {
    async get(start, options) {
      const limit = AbortSignal.timeout(options.timeoutMs);
      const signal = AbortSignal.any([options.signal, limit]);
      let url = new URL(start);
      try {
        for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
          checkHop(url, network);
          const sameOrigin = url.origin === new URL(start).origin;
          const response = await request(url.href, {
            dispatcher: agent,
            signal,
            headers: { 'accept-encoding': 'gzip', ...options.headers, ...(sameOrigin ? options.credentials : {}) },
          });
          const next = redirectOf(response, url);
          if (next === undefined) return await receive(response, url, { ...options, signal });
          await response.body.dump();
          url = next;
        }
      } catch (error) {
        throwIfAborted(options.signal);
        throw downloadError(error, url, limit.aborted);
      }
      throw sourceError(
        'source.refused',
        `${shown(url)} redirects more than ${MAX_REDIRECTS} times; set the connector's url to the final address`,
      );
    },
    close: () => agent.close(),
  };
}

/** Address without credentials, query and fragment, for messages: those parts carry tokens. */
export const shown = (url: URL): string => `${url.origin}${url.pathname}`;

function checkHop(url: URL, network: Network): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw sourceError('connector.address-refused', `${url.protocol} addresses are not read; use http or https`);
  network.check(url.hostname);
}

const header = (response: Dispatcher.ResponseData, name: string): string | undefined => {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

function redirectOf(response: Dispatcher.ResponseData, url: URL): URL | undefined {
  const location = header(response, 'location');
  if (![301, 302, 303, 307, 308].includes(response.statusCode) || location === undefined) return undefined;
  if (!URL.canParse(location, url.href))
    throw sourceError(
      'source.failed',
      `${shown(url)} redirects to an invalid address; the source's server must correct it`,
    );
  const next = new URL(location, url);
  if (url.protocol === 'https:' && next.protocol === 'http:')
    throw sourceError(
      'connector.address-refused',
      `${shown(url)} redirects from https to http; use a source that stays on https`,
    );
  return next;
}

async function receive(
  response: Dispatcher.ResponseData,
  url: URL,
  options: DownloadOptions,
): Promise<Download | undefined> {
  const { statusCode: status, body } = response;
  if (status === 304) {
    await body.dump();
    return undefined;
  }
  if (status !== 200) {
    await body.dump({ limit: 64 * 1024, signal: options.signal });
    throw statusError(status, url, header(response, 'retry-after'));
  }
  const encoding = header(response, 'content-encoding') ?? 'identity';
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding)) {
    body.destroy();
    throw sourceError('source.unreadable', `${shown(url)} sends content-encoding ${encoding}; expected none or gzip`);
  }
  const expected = encoding === 'identity' ? Number(header(response, 'content-length') ?? Number.NaN) : Number.NaN;
  if (expected > options.maxBytes) {
    body.destroy();
    throw tooLarge(options.maxBytes);
  }
  const spooled = await spool(body, options.path, {
    maxBytes: options.maxBytes,
    signal: options.signal,
    ...(encoding === 'identity' ? {} : { through: createGunzip() }),
  });
  if (!Number.isNaN(expected) && expected !== spooled.bytes)
    throw truncated(url, `${spooled.bytes} of ${expected} bytes came`);
  if (await isHtml(options.path)) {
    throw sourceError(
      'source.html',
      `${shown(url)} answered with an HTML page instead of data, perhaps a login or error page; open the address and correct the connector`,
    );
  }
  return {
    ...spooled,
    url,
    etag: header(response, 'etag'),
    lastModified: header(response, 'last-modified'),
    date: header(response, 'date'),
  };
}

function statusError(status: number, url: URL, retryAfter: string | undefined): Error {
  const details = { status, ...(retryAfter === undefined ? {} : { retryAfter }) };
  if (status === 404 || status === 410)
    return sourceError(
      'source.missing',
      `${shown(url)} answers ${status}: nothing is there; correct the address or restore it`,
      {
        details,
      },
    );
  if (status === 401 || status === 403 || status === 407)
    return sourceError(
      'source.denied',
      `${shown(url)} answers ${status}: access denied; check the connector's secrets`,
      { details },
    );
  if (status >= 500 || status === 408 || status === 425 || status === 429)
    return sourceError('source.failed', `${shown(url)} answers ${status}; it is tried again later`, { details });
  return sourceError(
    'source.refused',
    `${shown(url)} answers ${status}, expected 200; correct the connector's address`,
    { details },
  );
}

const truncated = (url: URL, what: string, cause?: unknown): Error =>
  sourceError('source.truncated', `the download of ${shown(url)} broke off: ${what}; it is tried again`, { cause });

// Cut connections and cut compressed data, as undici and zlib name them.
const CUT_CODES = new Set([
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_ABORTED',
  'ECONNRESET',
  'Z_BUF_ERROR',
  'Z_DATA_ERROR',
  'ERR_STREAM_PREMATURE_CLOSE',
]);
const TIMEOUT_CODES = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);

function downloadError(error: unknown, url: URL, timedOut: boolean): unknown {
  const code = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(code)) return error;
  if (timedOut || TIMEOUT_CODES.has(code))
    return sourceError('source.timeout', `${shown(url)} did not answer in time; it is tried again`, { cause: error });
  if (CUT_CODES.has(code)) return truncated(url, code, error);
  if (code === 'ENOSPC') return error;
  if (/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO)/.test(code))
    return sourceError(
      'source.refused',
      `${shown(url)} has no valid TLS certificate (${code}); its server must present one`,
      {
        cause: error,
      },
    );
  return sourceError(
    'source.unreachable',
    `${shown(url)} cannot be reached (${code || 'no code'}); check address and network`,
    {
      cause: error,
    },
  );
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
