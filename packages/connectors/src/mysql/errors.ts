import { PROBLEMS, type SqlProblem } from '../sql/index.js';

const CODES: Record<string, SqlProblem> = {
  ER_ACCESS_DENIED_ERROR: PROBLEMS.login,
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: PROBLEMS.login,
  ER_NOT_SUPPORTED_AUTH_MODE: PROBLEMS.login,
  ER_DBACCESS_DENIED_ERROR: PROBLEMS.permission,
  ER_TABLEACCESS_DENIED_ERROR: PROBLEMS.permission,
  ER_COLUMNACCESS_DENIED_ERROR: PROBLEMS.permission,
  ER_SPECIFIC_ACCESS_DENIED_ERROR: PROBLEMS.permission,
  ER_BAD_DB_ERROR: PROBLEMS.database,
  ER_NO_SUCH_TABLE: PROBLEMS.object,
  ER_BAD_FIELD_ERROR: PROBLEMS.object,
  ER_VIEW_INVALID: PROBLEMS.object,
  ER_PARSE_ERROR: PROBLEMS.statement,
  ER_SYNTAX_ERROR: PROBLEMS.statement,
  ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: PROBLEMS.readOnly,
  ER_OPTION_PREVENTS_STATEMENT: PROBLEMS.readOnly,
  // MySQL's time limit, then MariaDB's.
  ER_QUERY_TIMEOUT: PROBLEMS.slow,
  ER_STATEMENT_TIMEOUT: PROBLEMS.slow,
  ER_LOCK_WAIT_TIMEOUT: PROBLEMS.locked,
  ER_LOCK_DEADLOCK: PROBLEMS.conflict,
  ER_CON_COUNT_ERROR: PROBLEMS.busy,
  ER_USER_LIMIT_REACHED: PROBLEMS.busy,
  ER_TOO_MANY_USER_CONNECTIONS: PROBLEMS.busy,
  ER_SERVER_SHUTDOWN: PROBLEMS.lost,
  ER_QUERY_INTERRUPTED: PROBLEMS.lost,
  ER_CONNECTION_KILLED: PROBLEMS.lost,
  PROTOCOL_CONNECTION_LOST: PROBLEMS.lost,
  HANDSHAKE_NO_SSL_SUPPORT: PROBLEMS.noTls,
  HANDSHAKE_SSL_ERROR: PROBLEMS.badTls,
};

// Numbers that the client has no name for.
const NUMBERS: Record<number, SqlProblem> = { 1969: PROBLEMS.slow, 3024: PROBLEMS.slow, 1927: PROBLEMS.lost };

export const mysqlProblem = (code: string, error: unknown): SqlProblem | undefined => {
  const known = CODES[code] ?? NUMBERS[Number((error as { errno?: unknown }).errno)];
  if (code === '' && /closed state/.test(String((error as { message?: unknown }).message))) return PROBLEMS.lost;
  return known ?? (code.startsWith('ER_') ? PROBLEMS.other : undefined);
};
