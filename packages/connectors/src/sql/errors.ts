import { type SourceErrorCode, sourceError } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { connectError, isTlsError } from '../network/index.js';

/** What a database's code means: whose it is, and what to do. Texts never hold what the database said: it quotes cells. */
export type SqlProblem = [code: SourceErrorCode, text: string];

export const PROBLEMS = {
  login: ['source.denied', 'refuses the user or password; correct the secrets username and password'],
  permission: ['source.denied', 'does not let the user read this; grant the user SELECT on it'],
  database: ['source.missing', "has no such database; correct the connector's database"],
  object: ['source.missing', "has no such table or column; correct the connector's table, columns or query"],
  statement: ['connector.config-invalid', 'does not accept the statement; correct query, columns, cursor or range'],
  readOnly: ['connector.config-invalid', 'would be changed by the statement; a query may only read'],
  slow: [
    'source.timeout',
    'did not answer within the time limit; add an index on the cursor column, read fewer rows, or ask the operator for a longer limit',
  ],
  locked: ['source.timeout', 'keeps the table locked; it is tried again'],
  busy: ['source.unreachable', 'takes no more connections just now; it is tried again'],
  starting: ['source.unreachable', 'is starting or stopping; it is tried again'],
  lost: ['source.failed', 'closed the connection in the middle; everything is read again from the last cursor'],
  conflict: ['source.failed', 'gave up the statement because of other work on it; it is tried again'],
  noTls: [
    'source.refused',
    'offers no TLS; let its administrator enable it, or set tls.mode to off on a network that can be trusted',
  ],
  badTls: [
    'source.refused',
    'has no valid TLS certificate for its name; its server must be put right, or its private authority given as tls.ca, its name as tls.serverName',
  ],
  other: ['source.failed', 'failed'],
} as const satisfies Record<string, SqlProblem>;

/** The error of a driver as one of the source at `where`; errors of ours pass as they are. */
export function sqlError(
  error: unknown,
  where: string,
  problemOf: (code: string, error: unknown) => SqlProblem | undefined,
): unknown {
  const code = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(code)) return error;
  const problem = problemOf(code, error) ?? (LOST.has(code) ? PROBLEMS.lost : undefined);
  // Without a code it is a defect of ours, unless the driver's words are known.
  if (problem === undefined && code === '') return error;
  if (problem === undefined && (isTlsError(code) || /^E[A-Z]+$/.test(code))) return connectError(error, where);
  const [kind, text] = problem ?? PROBLEMS.other;
  return sourceError(kind, `${where} ${text}${code === '' ? '' : ` (${code})`}`, { cause: error, details: { code } });
}

const LOST = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED']);
