import { reasonOf, SonghuaError } from '@songhua/domain';

// Shorter ones would blank out ordinary text, and protect nothing.
const SHORTEST = 4;
// Up to here a secret may be an ordinary word, such as a user's name, and is hidden only where it stands as one.
const LONGEST_WORD = 11;

function patternOf(secret: string): RegExp {
  const literal = secret.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return secret.length > LONGEST_WORD
    ? new RegExp(literal, 'gu')
    : new RegExp(`(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])`, 'gu');
}

/** A copy of `value` in which no text holds a secret, whatever a source or library put there (I6). */
export function redact<T>(value: T, secrets: readonly string[]): T {
  const hidden = secrets.filter((secret) => secret.length >= SHORTEST).map(patternOf);
  if (hidden.length === 0) return value;
  const clean = (text: string): string => hidden.reduce((kept, secret) => kept.replace(secret, '***'), text);
  const walk = (item: unknown): unknown => {
    if (typeof item === 'string') return clean(item);
    if (Array.isArray(item)) return item.map(walk);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, field]) => [clean(key), walk(field)]));
  };
  return walk(value) as T;
}

/** The same error without the secrets, and without the one that it came from, which may hold them too. */
export function redactedError(error: unknown, secrets: readonly string[]): SonghuaError {
  const { code, message, actor, retryable } = reasonOf(error);
  const details = (error as { details?: Record<string, unknown> } | null)?.details ?? {};
  const clean = redact({ message, details }, secrets);
  return new SonghuaError(code, clean.message, { actor, retryable, details: clean.details });
}

/** Every form in which the values of secrets go over the wire, so that an echo of one is known for what it is. */
export function formsOf(secrets: Record<string, string>): string[] {
  const values = Object.values(secrets);
  const pairs = values.flatMap((user) => values.map((password) => `${user}:${password}`));
  return [
    ...values,
    ...values.map(encodeURIComponent),
    ...[...values, ...pairs].map((text) => Buffer.from(text).toString('base64')),
  ];
}
