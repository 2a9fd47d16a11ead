import { type Actor, SonghuaError } from '@songhua/domain';

/** What can be wrong with a source: code → who can act, and whether the same read may succeed later by itself. */
export const SOURCE_ERRORS = {
  'source.missing': { actor: 'department', retryable: false },
  'source.denied': { actor: 'department', retryable: false },
  'source.html': { actor: 'department', retryable: false },
  'source.truncated': { actor: 'department', retryable: true },
  'source.changed-while-reading': { actor: 'department', retryable: true },
  'source.unreachable': { actor: 'department', retryable: true },
  'source.timeout': { actor: 'department', retryable: true },
  'source.failed': { actor: 'department', retryable: true },
  'source.rate-limited': { actor: 'department', retryable: true },
  'source.endless': { actor: 'department', retryable: false },
  'source.refused': { actor: 'department', retryable: false },
  'source.gap': { actor: 'department', retryable: false },
  'source.too-many': { actor: 'department', retryable: false },
  'source.too-large': { actor: 'operator', retryable: false },
  'source.unreadable': { actor: 'operator', retryable: false },
  'source.ambiguous': { actor: 'department', retryable: false },
  'source.aborted': { actor: 'platform', retryable: true },
  'connector.config-invalid': { actor: 'department', retryable: false },
  'connector.driver-missing': { actor: 'operator', retryable: false },
  'connector.path-refused': { actor: 'operator', retryable: false },
  'connector.address-refused': { actor: 'operator', retryable: false },
} as const satisfies Record<string, { actor: Actor; retryable: boolean }>;
export type SourceErrorCode = keyof typeof SOURCE_ERRORS;

/** An error of the table above. The message says what was expected, what was found, where, and what to do next. */
export function sourceError(
  code: SourceErrorCode,
  message: string,
  options: { cause?: unknown; details?: Record<string, unknown> } = {},
): SonghuaError {
  return new SonghuaError(code, message, { ...SOURCE_ERRORS[code], ...options });
}

/** Throws `source.aborted` once `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw sourceError(
    'source.aborted',
    'reading was stopped before the end of the source; the sync is tried again later',
    {
      cause: signal.reason,
    },
  );
}
