import { type Reason, reasonOf } from '@songhua/domain';
import { type Problem, problemTitle } from './http.js';

// What is not listed has the status that its form and who can act give it.
const STATUS: Record<string, number> = {
  'access.missing': 401,
  'access.invalid': 401,
  'access.internal': 401,
  'access.forbidden': 403,
  'file.unavailable': 404,
  'request.invalid': 400,
  'name.invalid': 400,
  'rows.unknown-column': 400,
  'version.conflict': 409,
  'version.removed': 410,
  'changes.trimmed': 410,
  'collection.running': 409,
  'ingest.key-missing': 400,
  'ingest.key-reused': 409,
  'ingest.empty': 400,
  'ingest.multipart': 415,
  'ingest.type': 415,
  'ingest.too-large': 413,
  'hold.ended': 409,
  'sync.ended': 409,
  'replay.busy': 409,
  'replay.outdated': 409,
  'replay.missing': 404,
  'replay.collected': 410,
  'rollback.busy': 409,
  'rollback.no-connector': 409,
  'resource.conflict': 409,
  'resource.in-use': 409,
  'connector.lifecycle': 409,
  'connector.not-running': 409,
  'connector.dataset-fixed': 409,
  'connector.rate-limited': 429,
};

/** The HTTP status that says as much of a reason as a status can, the same from every service. */
export function statusOf({ code, actor, retryable }: Pick<Reason, 'code' | 'actor' | 'retryable'>): number {
  const listed = STATUS[code];
  if (listed !== undefined) return listed;
  if (code.endsWith('.unknown')) return 404;
  if (retryable) return 503;
  // The request itself is wrong: what it says of a connector, or a field of it.
  if (code.startsWith('connector.') || code.endsWith('-invalid')) return 400;
  return actor === 'department' ? 422 : 500;
}

interface FastifyProblem {
  statusCode?: number;
  code?: string;
  validation?: { instancePath: string; message?: string }[];
  validationContext?: string;
}

/**
 * RFC 9457 problem details of anything thrown, Fastify's own refusals included. `defect` is told in place of the message of what is not
 * the caller's to mend, where callers are to know nothing of the inside.
 */
export function problemOf(error: unknown, defect?: string): Problem {
  const { statusCode, code, validation, validationContext } = (error ?? {}) as FastifyProblem;
  if (validation) {
    const errors = validation.map(({ instancePath, message }) => ({
      path: `${validationContext ?? ''}${instancePath}`,
      message: message ?? 'is not valid',
    }));
    const wrong = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return problem(400, 'request.invalid', `correct ${wrong}`, errors);
  }
  const reason = reasonOf(error);
  // Malformed URL or JSON, unsupported type, body too large.
  if (typeof statusCode === 'number' && statusCode < 500)
    return problem(statusCode, `request.${(code ?? 'invalid').replace(/^FST_ERR_/, '').toLowerCase()}`, reason.message);
  const { errors, dependents } = ((error ?? {}) as { details?: Pick<Problem, 'errors' | 'dependents'> }).details ?? {};
  const status = statusOf(reason);
  const detail = status === 500 && defect !== undefined ? defect : reason.message;
  return { ...problem(status, reason.code, detail, errors), actor: reason.actor, ...(dependents && { dependents }) };
}

function problem(status: number, code: string, detail: string, errors?: Problem['errors']): Problem {
  return {
    type: `urn:songhua:problem:${code}`,
    title: problemTitle(status),
    status,
    code,
    detail,
    ...(errors ? { errors } : {}),
  };
}
