import { codeOf } from '@songhua/domain';
import { objectError } from './errors.js';
import type { ObjectStore } from './types.js';

/** Whatever turns unknown JSON into a `T` or throws: a zod schema. */
export interface Schema<T> {
  parse(value: unknown): T;
}

/** The JSON object at `key`, or undefined when there is none; `object.corrupt` when it is not what `schema` says. */
export async function readJson<T>(
  store: ObjectStore,
  key: string,
  schema: Schema<T>,
  maxBytes: number,
): Promise<T | undefined> {
  let body: Buffer;
  try {
    body = await store.readAll(key, maxBytes);
  } catch (error) {
    if (codeOf(error) === 'object.missing') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(body.toString('utf8')));
  } catch (error) {
    throw objectError(
      'object.corrupt',
      `${key}: its ${body.length} bytes are not the JSON expected there; restore the object or remove it`,
      error,
    );
  }
}
