import { SonghuaError } from '@songhua/domain';
import type { z } from 'zod';

/** Throws `request.invalid` naming each wrong field. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  throw new SonghuaError(
    'request.invalid',
    `the request is not valid: ${errors.map((error) => `${error.path}: ${error.message}`).join('; ')}`,
    { actor: 'department', details: { errors } },
  );
}
