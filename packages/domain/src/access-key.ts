import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** An API key is `sk_<id>_<secret>`: 48 bits that name it, 256 that nobody guesses. Only the hash of the whole is ever stored. */
const KEY = /^sk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export interface NewApiKey {
  id: string;
  key: string;
  hash: Buffer;
}

export function newApiKey(): NewApiKey {
  const id = randomBytes(6).toString('hex');
  const key = `${apiKeyPrefix(id)}${randomBytes(32).toString('base64url')}`;
  return { id, key, hash: hashApiKey(key) };
}

/** How a key with this id begins: enough to recognise it, nothing of the secret. */
export const apiKeyPrefix = (id: string): string => `sk_${id}_`;

/** The id of a key that is written as one, or undefined. */
export const apiKeyId = (key: string): string | undefined => KEY.exec(key)?.[1];

/** SHA-256: a random secret of 256 bits needs no slow hash. */
export const hashApiKey = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Whether two secrets are the same, in a time that does not tell how much of them is. */
export function sameSecret(a: string | Buffer, b: string | Buffer): boolean {
  const digest = (secret: string | Buffer): Buffer => createHash('sha256').update(secret).digest();
  return timingSafeEqual(digest(a), digest(b));
}
