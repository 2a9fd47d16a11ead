import { sourceError } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { connectError, isTlsError } from '../network/index.js';

/** Address without credentials, query and fragment, for messages: those parts carry tokens. */
export const shown = (url: URL): string => `${url.origin}${url.pathname}`;

/** When a server wants to be asked again, as its headers say; its `date` because its clock is not ours. */
export interface Waiting {
  retryAfter: string | undefined;
  date: string | undefined;
}

/** Seconds that a server asks to wait: a number, or until a date. */
export function retryAfterOf({ retryAfter, date }: Waiting): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(retryAfter)) return Number(retryAfter);
  const [until, now] = [Date.parse(retryAfter), Date.parse(date ?? '')];
  if (Number.isNaN(until)) return undefined;
  return Math.max(0, Math.ceil((until - (Number.isNaN(now) ? Date.now() : now)) / 1000));
}

/** What an answer other than success says, and whose it is. */
export function statusError(status: number, url: URL, waiting: Waiting): Error {
  const retryAfterSeconds = retryAfterOf(waiting);
  const details = { status, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
  const error = (code: Parameters<typeof sourceError>[0], what: string) =>
    sourceError(code, `${shown(url)} answers ${status}${what}`, { details });
  if (status === 404 || status === 410)
    return error('source.missing', ': nothing is there; correct the address or restore it');
  if (status === 401 || status === 403 || status === 407)
    return error('source.denied', `: access denied; check the connector's secrets`);
  if (status === 429 || (status === 503 && retryAfterSeconds !== undefined))
    return error('source.rate-limited', ': too many requests; it is tried again later, and fewer a second may be set');
  if (status >= 500 || status === 408 || status === 425) return error('source.failed', '; it is tried again later');
  return error('source.refused', `, expected 200; correct the connector's address`);
}

export const truncated = (url: URL, what: string, cause?: unknown): Error =>
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

/** A failed exchange as an error of the source at `url`. */
export function exchangeError(error: unknown, url: URL, timedOut: boolean): unknown {
  const code = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(code) && !timedOut) return error;
  if (timedOut || TIMEOUT_CODES.has(code))
    return sourceError('source.timeout', `${shown(url)} did not answer in time; it is tried again`, { cause: error });
  if (CUT_CODES.has(code) && !isTlsError(code)) return truncated(url, code, error);
  return code === 'ENOSPC' ? error : connectError(error, shown(url));
}
