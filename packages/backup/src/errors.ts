import { SonghuaError, type SonghuaErrorOptions } from '@songhua/domain';

/** Every code this package throws, with whether a retry may help and who can act. */
export const BACKUP_ERRORS = {
  'backup.missing': { retryable: false, actor: 'operator' },
  'backup.format': { retryable: false, actor: 'operator' },
  'backup.damaged': { retryable: false, actor: 'operator' },
  'backup.folder': { retryable: false, actor: 'operator' },
} as const satisfies Record<string, Pick<SonghuaErrorOptions, 'retryable' | 'actor'>>;

export type BackupErrorCode = keyof typeof BACKUP_ERRORS;

export function backupError(code: BackupErrorCode, message: string, cause?: unknown): SonghuaError {
  return new SonghuaError(code, message, { ...BACKUP_ERRORS[code], ...(cause === undefined ? {} : { cause }) });
}
