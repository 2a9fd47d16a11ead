import { codeOf, SonghuaError, type SonghuaErrorOptions } from '@songhua/domain';

/** Every code this package throws, with whether a retry may help and who can act. */
export const OBJECT_ERRORS = {
  'object.missing': { retryable: false, actor: 'platform' },
  'object.unavailable': { retryable: true, actor: 'operator' },
  'object.full': { retryable: true, actor: 'operator' },
  'object.denied': { retryable: false, actor: 'operator' },
  'object.bucket-missing': { retryable: false, actor: 'operator' },
  'object.rejected': { retryable: false, actor: 'platform' },
  'object.too-large': { retryable: false, actor: 'platform' },
  'object.corrupt': { retryable: false, actor: 'operator' },
  // Sending the same file again may succeed: the bytes were lost on the way or at rest.
  'object.unverified': { retryable: true, actor: 'operator' },
  'object.endpoint-invalid': { retryable: false, actor: 'operator' },
  'object.invalid-key': { retryable: false, actor: 'platform' },
  'object.local-file': { retryable: false, actor: 'operator' },
  'object.local-full': { retryable: true, actor: 'operator' },
} as const satisfies Record<string, Pick<SonghuaErrorOptions, 'retryable' | 'actor'>>;

export type ObjectErrorCode = keyof typeof OBJECT_ERRORS;

export function objectError(code: ObjectErrorCode, message: string, cause?: unknown): SonghuaError {
  return new SonghuaError(code, message, { ...OBJECT_ERRORS[code], ...(cause === undefined ? {} : { cause }) });
}

const MISSING = new Set(['NoSuchKey', 'NotFound']);
const DENIED = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'RequestTimeTooSkewed']);
const FULL = new Set(['XMinioStorageFull', 'InsufficientStorage']);
// Answers that promise that the same request may work later, by S3's own names.
const AWAY = new Set([
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'InternalError',
  'ServiceUnavailable',
  'RequestTimeout',
  'XMinioServerNotInitialized',
  'OperationAborted',
  'ConditionalRequestConflict',
  'IncompleteBody',
  'XAmzContentSHA256Mismatch',
  'BadDigest',
]);
const LOCAL_FULL = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE']);

const message = (error: unknown): string => String((error as { message?: unknown } | null)?.message ?? error);

/** `error` of a call on the object store at `where` (`PUT bucket/key at endpoint`), as an error of this package. */
export function storeError(error: unknown, where: string): SonghuaError {
  if ((error as { name?: unknown } | null)?.name === 'SonghuaError') return error as SonghuaError;
  const code = codeOf(error) ?? '';
  if (MISSING.has(code)) return objectError('object.missing', `${where}: there is no such object`, error);
  if (code === 'NoSuchBucket')
    return objectError(
      'object.bucket-missing',
      `${where}: the bucket does not exist; create it or correct its name`,
      error,
    );
  if (DENIED.has(code))
    return objectError('object.denied', `${where}: access refused (${code}); check the keys and the clock`, error);
  if (FULL.has(code)) return objectError('object.full', `${where}: the object store is full; free or add space`, error);
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  // Node and OpenSSL name system failures in capitals; S3 names its answers in camel case, and a proxy names nothing.
  const system = /^(E[A-Z0-9_]+|ERR_[A-Z0-9_]+|HPE_[A-Z_]+|[A-Z_]*CERT[A-Z_]*)$/.test(code);
  if (AWAY.has(code) || system || typeof status === 'number')
    return objectError(
      'object.unavailable',
      `${where}: the object store did not answer as it should (${code || status}: ${message(error)}); it is retried, see that it runs`,
      error,
    );
  return objectError('object.rejected', `${where}: refused (${code || 'no code'}: ${message(error)})`, error);
}

/** `error` of a file operation on `path`. */
export function fileError(error: unknown, path: string): SonghuaError {
  if ((error as { name?: unknown } | null)?.name === 'SonghuaError') return error as SonghuaError;
  const code = codeOf(error) ?? '';
  if (LOCAL_FULL.has(code))
    return objectError(
      'object.local-full',
      `${path}: no room on this machine (${code}); free space or raise the limit`,
      error,
    );
  return objectError('object.local-file', `${path}: cannot be read or written (${message(error)})`, error);
}
