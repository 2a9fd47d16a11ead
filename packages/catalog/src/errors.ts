import { codeOf, reasonOf, SonghuaError } from '@songhua/domain';

// Classes 08 connection, 53 resources, 57 operator intervention (shutdown, timeout), 40 rollback: the same call may succeed later.
const TRANSIENT = /^(08|53|57|40)/;

/**
 * Turns what the database driver threw into a SonghuaError: `version.conflict` and `catalog.unavailable` (both retryable),
 * `sync.unknown`, `catalog.reference`, `catalog.constraint` or `catalog.query`. Never carries the values of the statement.
 */
export function databaseError(error: unknown): SonghuaError {
  const code = codeOf(error);
  const { message, constraint } = error as { message?: string; constraint?: string };
  const options = { cause: error, details: { sqlState: code, constraint } };
  if (code === 'SH409')
    // A refresh that begins again is told whether it was overtaken, and otherwise builds on what is served now.
    return new SonghuaError('version.conflict', `${message}; nothing was changed, the refresh is to begin again`, {
      ...options,
      retryable: true,
    });
  if (code === 'SH404')
    return new SonghuaError('sync.unknown', `${message}; enqueue the sync before it is refreshed`, options);
  if (code === '23503')
    return new SonghuaError(
      'catalog.reference',
      `the row refers to one that does not exist (${constraint}); apply that one first`,
      { ...options, actor: 'department' },
    );
  if (code?.startsWith('23'))
    return new SonghuaError(
      'catalog.constraint',
      `the catalog refused the row (${constraint ?? message}); nothing was changed`,
      options,
    );
  const isTimeout =
    message?.includes('timeout exceeded when trying to connect') || message?.startsWith('Connection terminated');
  if (isTimeout || (code !== undefined && TRANSIENT.test(code)) || reasonOf(error).retryable)
    return new SonghuaError('catalog.unavailable', `PostgreSQL does not answer (${message}); it is tried again`, {
      ...options,
      retryable: true,
      actor: 'operator',
    });
  return new SonghuaError(
    'catalog.query',
    `the catalog could not answer (${message}); report this as a defect`,
    options,
  );
}
