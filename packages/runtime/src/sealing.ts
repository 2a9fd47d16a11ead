import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import type { Keyring } from './keyring.js';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
// What GCM is specified for: 96 bits of nonce, 128 of tag.
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = /^sealed1\.([a-z0-9-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** Text that only the key-encryption key it names opens, and only in the context it was sealed for. */
export type Sealed = string;

/**
 * Encrypts `text` under a random data key, and that key under the newest key of `keyring`; `context` is authenticated with both, so what
 * is sealed for one owner does not open for another. The result has no byte of `text` and is safe to store.
 */
export async function seal(keyring: Keyring, context: readonly string[], text: string): Promise<Sealed> {
  const { id, key } = await keyring.newest();
  const dataKey = randomBytes(KEY_BYTES);
  const data = encrypt(dataKey, bind('data', context), Buffer.from(text));
  const wrapped = encrypt(key, bind('key', [id, ...context]), dataKey);
  dataKey.fill(0);
  return format(id, wrapped, data);
}

/** The text that was sealed for `context`. Throws `secret.key-missing` and `secret.unreadable`, never with a byte of it. */
export async function unseal(keyring: Keyring, context: readonly string[], sealed: Sealed): Promise<string> {
  const { id, wrapped, data } = parse(sealed);
  const dataKey = decrypt(await keyring.named(id), bind('key', [id, ...context]), wrapped);
  try {
    return decrypt(dataKey, bind('data', context), data).toString('utf8');
  } finally {
    dataKey.fill(0);
  }
}

/** The same text under the newest key-encryption key; the data are not opened. `sealed` itself when it is under that key. */
export async function rewrap(keyring: Keyring, context: readonly string[], sealed: Sealed): Promise<Sealed> {
  const { id, wrapped, data } = parse(sealed);
  const newest = await keyring.newest();
  if (id === newest.id) return sealed;
  const dataKey = decrypt(await keyring.named(id), bind('key', [id, ...context]), wrapped);
  try {
    return format(newest.id, encrypt(newest.key, bind('key', [newest.id, ...context]), dataKey), data);
  } finally {
    dataKey.fill(0);
  }
}

/** Which key-encryption key opens it. */
export const sealedUnder = (sealed: Sealed): string => parse(sealed).id;

export const isSealed = (text: string): text is Sealed => FORMAT.test(text);

/** Lengths keep ("a", "bc") and ("ab", "c") apart. */
const bind = (part: string, context: readonly string[]): Buffer =>
  Buffer.from(['songhua', part, ...context].map((text) => `${Buffer.byteLength(text)}:${text};`).join(''));

function encrypt(key: Buffer, aad: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, aad: Buffer, box: Buffer): Buffer {
  if (box.length < NONCE_BYTES + TAG_BYTES) throw unreadable();
  const tagAt = box.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(aad)
    .setAuthTag(box.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  } catch {
    throw unreadable();
  }
}

const format = (id: string, wrapped: Buffer, data: Buffer): Sealed =>
  `sealed1.${id}.${wrapped.toString('base64url')}.${data.toString('base64url')}`;

function parse(sealed: Sealed): { id: string; wrapped: Buffer; data: Buffer } {
  const [, id, wrapped, data] = FORMAT.exec(sealed) ?? [];
  if (id === undefined || wrapped === undefined || data === undefined) throw unreadable();
  return { id, wrapped: Buffer.from(wrapped, 'base64url'), data: Buffer.from(data, 'base64url') };
}

const unreadable = (): SonghuaError =>
  new SonghuaError(
    'secret.unreadable',
    'a stored secret does not open: it was changed, belongs to another connector, or its key is another one of the same name; give its value again with "songhua secrets set"',
    { actor: 'operator' },
  );
