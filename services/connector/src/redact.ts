import { reasonOf, SonghuaError } from '@songhua/domain';

// Shorter ones would blank out ordinary text, and protect nothing.
const SHORTEST = 4;
// Up to here a secret may be an ordinary word, such as a user's name, and is hidden only where it stands as one.
const LONGEST_WORD = 11;
// From here on it is none if it mixes cases or digits, as base64 of a short password does.
const SHORTEST_MIXTURE = 8;
const ORDINARY = /^(\p{L}\p{Ll}*|\p{Lu}+|\p{N}+)$/u;

const mayBeWord = (secret: string): boolean =>
  secret.length < SHORTEST_MIXTURE || (secret.length <= LONGEST_WORD && ORDINARY.test(secret));

function patternOf(secret: string): RegExp {
  const literal = secret.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return mayBeWord(secret)
    ? new RegExp(`(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])`, 'gu')
    : new RegExp(literal, 'gu');
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
  const forms = values.flatMap((value) => [
    value,
    // What sources trim, and the lines of a key: a message shows one at a time.
    value.trim(),
    ...value.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE),
    ...percentForms(value),
    JSON.stringify(value).slice(1, -1),
    Buffer.from(value).toString('hex'),
    ...base64Forms(value),
  ]);
  // The longest first, or what it holds would be hidden alone and leave the rest.
  return [...new Set(forms)].sort((a, b) => b.length - a.length);
}

// Shorter lines of a secret are `-----BEGIN` and the like, or ordinary words.
const SHORTEST_LINE = 16;

/** As in addresses and forms, in both cases of the digits. */
function percentForms(value: string): string[] {
  const forms = [encodeURIComponent(value), encodeURI(value), new URLSearchParams({ v: value }).toString().slice(2)];
  return [...forms, ...forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

// Shorter pieces come about by chance.
const SHORTEST_BASE64 = 8;

/**
 * What base64 makes of a value wherever it stands in the text that is encoded, as the password does in `user:password`: by what comes
 * before it there are three forms, each without the characters at its ends that also depend on its neighbours. In both alphabets.
 */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  const inner = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
  const whole = bytes.toString('base64');
  return [whole, whole.replace(/=+$/, ''), ...inner.filter((form) => form.length >= SHORTEST_BASE64)].flatMap(
    (form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')],
  );
}
