import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';

/** Key-encryption keys by name; the newest one seals, all of them open. */
export interface Keyring {
  /** Throws `secret.no-key` when there is none. */
  newest(): Promise<{ id: string; key: Buffer }>;
  /** Throws `secret.key-missing`. */
  named(id: string): Promise<Buffer>;
}

/** Environment of a process that seals or opens secrets; without both, it can do neither. */
export const keyringSection = z.object({
  /** `NAME:BASE64`, several separated by commas, the newest last. */
  SONGHUA_KEK: z.string().optional(),
  /** A file of such keys, one a line; read again when it changes, so that rotation needs no restart. */
  SONGHUA_KEK_FILE: z.string().optional(),
});

const KEY = /^([a-z0-9][a-z0-9-]{0,30}):([A-Za-z0-9+/_-]{43}=?)$/;
const KEY_BYTES = 32;

/** A line for a key file: a new 256-bit key under `id`. */
export const newKey = (id: string): string => `${id}:${randomBytes(KEY_BYTES).toString('base64')}\n`;

/** Keys of the environment come before those of the file. Throws `config.invalid` on use, never with a byte of a key. */
export function createKeyring(env: z.infer<typeof keyringSection>): Keyring {
  const told = parse(env.SONGHUA_KEK ?? '', 'SONGHUA_KEK');
  const path = env.SONGHUA_KEK_FILE;
  let file: { changed: number; keys: Map<string, Buffer> } | undefined;

  const load = async (): Promise<Map<string, Buffer>> => {
    if (path === undefined) return told;
    try {
      const { mtimeMs } = await stat(path);
      if (file?.changed !== mtimeMs)
        file = { changed: mtimeMs, keys: parse(await readFile(path, 'utf8'), 'SONGHUA_KEK_FILE') };
    } catch (error) {
      if ((error as { code?: unknown }).code === 'config.invalid') throw error;
      throw new SonghuaError('config.invalid', `SONGHUA_KEK_FILE: ${path} cannot be read; check that it is there`, {
        actor: 'operator',
        cause: error,
      });
    }
    return new Map([...told, ...file.keys]);
  };

  return {
    async newest() {
      const last = [...(await load())].at(-1);
      if (last) return { id: last[0], key: last[1] };
      throw new SonghuaError(
        'secret.no-key',
        'values of secrets cannot be stored: set SONGHUA_KEK_FILE (or SONGHUA_KEK) for the connector service, or refer to the secret by env or file',
        { actor: 'operator' },
      );
    },
    async named(id) {
      const key = (await load()).get(id);
      if (key) return key;
      throw new SonghuaError(
        'secret.key-missing',
        `a stored secret is sealed under key ${id}, which SONGHUA_KEK_FILE and SONGHUA_KEK do not have; put it back`,
        { actor: 'operator' },
      );
    },
  };
}

function parse(text: string, where: string): Map<string, Buffer> {
  const keys = new Map<string, Buffer>();
  for (const [index, item] of text
    .split(/[\s,]+/)
    .filter(Boolean)
    .entries()) {
    const [, id, encoded] = KEY.exec(item) ?? [];
    const key = Buffer.from(encoded ?? '', 'base64');
    if (id === undefined || key.length !== KEY_BYTES || keys.has(id))
      throw new SonghuaError(
        'config.invalid',
        `${where}: key ${index + 1} is not NAME:BASE64 of 32 bytes under a name of its own; make one with "openssl rand -base64 32"`,
        { actor: 'operator' },
      );
    keys.set(id, key);
  }
  return keys;
}
