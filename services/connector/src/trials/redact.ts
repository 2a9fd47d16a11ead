// Shorter ones would blank out ordinary text, and protect nothing.
const SHORTEST = 4;

/** A copy of `value` in which no text holds a secret, whatever a source or library put there (I6). */
export function redact<T>(value: T, secrets: readonly string[]): T {
  const hidden = secrets.filter((secret) => secret.length >= SHORTEST);
  if (hidden.length === 0) return value;
  const clean = (text: string): string => hidden.reduce((kept, secret) => kept.split(secret).join('***'), text);
  const walk = (item: unknown): unknown => {
    if (typeof item === 'string') return clean(item);
    if (Array.isArray(item)) return item.map(walk);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, field]) => [clean(key), walk(field)]));
  };
  return walk(value) as T;
}
