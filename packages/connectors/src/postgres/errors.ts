import { PROBLEMS, type SqlProblem } from '../sql/index.js';

// SQLSTATE, or its first two characters for a whole class.
const STATES: Record<string, SqlProblem> = {
  '28': PROBLEMS.login,
  '3D': PROBLEMS.database,
  '3F': PROBLEMS.object,
  '42501': PROBLEMS.permission,
  '42P01': PROBLEMS.object,
  '42703': PROBLEMS.object,
  '42': PROBLEMS.statement,
  '22': PROBLEMS.statement,
  '0A': PROBLEMS.statement,
  '25': PROBLEMS.readOnly,
  '57014': PROBLEMS.slow,
  '55P03': PROBLEMS.locked,
  '53': PROBLEMS.busy,
  '57P03': PROBLEMS.starting,
  '57P01': PROBLEMS.lost,
  '57': PROBLEMS.lost,
  '08': PROBLEMS.lost,
  '40': PROBLEMS.conflict,
};

// What the client says without a code.
const SAID: [words: RegExp, problem: SqlProblem][] = [
  [/does not support SSL/, PROBLEMS.noTls],
  [/Connection terminated|connection error|not queryable|was closed/, PROBLEMS.lost],
  [/timeout expired/, PROBLEMS.slow],
];

export const postgresProblem = (code: string, error: unknown): SqlProblem | undefined => {
  if (/^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)) return STATES[code] ?? STATES[code.slice(0, 2)] ?? PROBLEMS.other;
  const message = String((error as { message?: unknown }).message);
  return code === '' ? SAID.find(([words]) => words.test(message))?.[1] : undefined;
};
