import { type Problem, problemOf as problemOfAny } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';

/** 404, with what to do about it. */
export const unknown = (subject: string, detail: string): SonghuaError =>
  new SonghuaError(`${subject}.unknown`, detail, { actor: 'department' });

export const invalid = (path: string, message: string): SonghuaError =>
  new SonghuaError('request.invalid', `${path}: ${message}`, {
    actor: 'department',
    details: { errors: [{ path, message }] },
  });

/** RFC 9457 problem details of anything thrown. What is not the caller's to mend says nothing of the inside. */
export const problemOf = (error: unknown): Problem =>
  problemOfAny(error, 'the catalog service failed; its log says why, report this as a defect');
