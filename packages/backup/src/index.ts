export { type BackupOptions, type BackupResult, backup } from './backup.js';
export { BACKUP_ERRORS, type BackupErrorCode } from './errors.js';
export { readBackup } from './folder.js';
export type { Backup, Problem } from './record.js';
export { type Restored, type RestoreOptions, restore } from './restore.js';
export type { Unaccepted } from './unaccepted.js';
export { checkBackup, type Verdict, verifyRestored } from './verify.js';
