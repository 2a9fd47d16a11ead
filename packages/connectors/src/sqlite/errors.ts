import { PROBLEMS, type SqlProblem } from '../sql/index.js';

const CODES: Record<string, SqlProblem> = {
  SQLITE_BUSY: PROBLEMS.locked,
  SQLITE_LOCKED: PROBLEMS.locked,
  SQLITE_READONLY: PROBLEMS.readOnly,
  SQLITE_AUTH: PROBLEMS.readOnly,
  SQLITE_INTERRUPT: PROBLEMS.slow,
  SQLITE_NOTADB: [
    'source.unreadable',
    'is not an SQLite database, or is encrypted; put the database file itself there',
  ],
  SQLITE_CORRUPT: [
    'source.truncated',
    'is damaged or was copied while it was written; copy it with `.backup` or VACUUM INTO',
  ],
  SQLITE_IOERR: ['source.failed', 'could not be read just now; it is tried again'],
  SQLITE_CANTOPEN: [
    'source.denied',
    'cannot be opened; grant this service read access to the file and, for one with a write-ahead log, its folder',
  ],
};

/** By the code, extended ones by what they extend; plain errors are told apart by their fixed words. */
export const sqliteProblem = (code: string, error: unknown): SqlProblem | undefined => {
  const message = String((error as { message?: unknown }).message);
  if (/no such (table|column)/.test(message)) return PROBLEMS.object;
  if (/attempt to write a readonly/.test(message)) return PROBLEMS.readOnly;
  if (/Unable to open connection/.test(message)) return CODES.SQLITE_CANTOPEN;
  if (!code.startsWith('SQLITE_')) return undefined;
  const base = code.split('_').slice(0, 2).join('_');
  return CODES[code] ?? CODES[base] ?? PROBLEMS.statement;
};
