import { type Problem, problemTitle } from '@songhua/contracts';
import { reasonOf, SonghuaError } from '@songhua/domain';

const STATUS: Record<string, number> = {
  'access.missing': 401,
  'access.invalid': 401,
  'access.forbidden': 403,
  'file.unavailable': 404,
  'request.invalid': 400,
  'name.invalid': 400,
  'rows.unknown-column': 400,
  'version.conflict': 409,
  'ingest.key-missing': 400,
  'ingest.empty': 400,
  'ingest.multipart': 415,
  'ingest.type': 415,
  'ingest.too-large': 413,
  'hold.ended': 409,
  'sync.ended': 409,
  'replay.busy': 409,
  'replay.outdated': 409,
  'replay.missing': 404,
  'resource.conflict': 409,
  'resource.in-use': 409,
};

/** 404, with what to do about it. */
export const unknown = (subject: string, detail: string): SonghuaError =>
  new SonghuaError(`${subject}.unknown`, detail, { actor: 'department' });

export const invalid = (path: string, message: string): SonghuaError =>
  new SonghuaError('request.invalid', `${path}: ${message}`, {
    actor: 'department',
    details: { errors: [{ path, message }] },
  });

interface FastifyProblem {
  statusCode?: number;
  code?: string;
  validation?: { instancePath: string; message?: string }[];
  validationContext?: string;
}

/** RFC 9457 problem details of anything thrown. What is not the caller's to mend says nothing of the inside. */
export function problemOf(error: unknown): Problem {
  const { statusCode, code, validation, validationContext } = error as FastifyProblem;
  if (validation) {
    const errors = validation.map(({ instancePath, message }) => ({
      path: `${validationContext ?? ''}${instancePath}`,
      message: message ?? 'is not valid',
    }));
    return problem(
      400,
      'request.invalid',
      `correct ${errors.map((e) => `${e.path}: ${e.message}`).join('; ')}`,
      errors,
    );
  }
  // Fastify's own refusals: malformed URL or JSON, unsupported type, body too large.
  if (typeof statusCode === 'number' && statusCode < 500)
    return problem(
      statusCode,
      `request.${(code ?? 'invalid').replace(/^FST_ERR_/, '').toLowerCase()}`,
      reasonOf(error).message,
    );
  const reason = reasonOf(error);
  const { errors, dependents } = (error as { details?: Pick<Problem, 'errors' | 'dependents'> }).details ?? {};
  const status =
    STATUS[reason.code] ?? (reason.code.endsWith('.unknown') ? 404 : reason.retryable ? 503 : statusFor(reason.actor));
  const detail =
    status === 500 ? 'the catalog service failed; its log says why, report this as a defect' : reason.message;
  return { ...problem(status, reason.code, detail, errors), actor: reason.actor, ...(dependents && { dependents }) };
}

const statusFor = (actor: string): number => (actor === 'department' ? 422 : 500);

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
