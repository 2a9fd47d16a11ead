import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, newApiKey, SonghuaError } from '@songhua/domain';
import { newKey } from '@songhua/runtime';
import { type Home, openHome } from './home.js';

/** What opens a running system: made at the first start of its state folder, readable by its owner only. */
export interface Access {
  /** Of the first operator. The database has only its hash. */
  operatorKey: string;
  /** By which the services know each other. */
  internalToken: string;
  /** The file of the keys that stored secrets are sealed under. */
  kekFile: string;
}

const OWNER_ONLY = 0o600;
const INTERNAL_TOKEN_BYTES = 32;

const kekFile = (home: Home): string => join(home.keys, 'secrets.kek');
const operatorKeyFile = (home: Home): string => join(home.keys, 'operator.key');

/** Makes what is not there yet; idempotent, also when two processes do it at once. */
export function ensureAccess(home: Home): Access {
  ensureSecret(kekFile(home), () => newKey(kekName()).trim());
  return {
    kekFile: kekFile(home),
    operatorKey: ensureSecret(operatorKeyFile(home), () => newApiKey().key),
    internalToken: ensureSecret(join(home.keys, 'internal.token'), () =>
      randomBytes(INTERNAL_TOKEN_BYTES).toString('base64url'),
    ),
  };
}

/**
 * Adds another key that secrets are sealed under to a state folder; the services use it at once. The old ones stay, because what is sealed
 * under them still has to open. Throws `usage.not-running` where nothing was started yet.
 */
export function addKek(folder: string): string {
  const file = kekFile(openHome(folder));
  const present = readSecret(file);
  if (present === undefined)
    throw new SonghuaError(
      'usage.not-running',
      `${folder} has no keys of its own: the system runs elsewhere, so add the new key to its SONGHUA_KEK_FILE there`,
      { actor: 'operator' },
    );
  const name = kekName();
  appendFileSync(file, newKey(name), { mode: OWNER_ONLY });
  return name;
}

/** Says when the key was made; the random end keeps two of one second apart. */
const kekName = (): string =>
  `k${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}-${randomBytes(2).toString('hex')}`;

/** The operator's key of a state folder, or undefined where nothing was started yet. */
export function readOperatorKey(folder: string): string | undefined {
  return readSecret(operatorKeyFile(openHome(folder)));
}

/** Puts another key in the place of the operator's, after the old one was exchanged for it. */
export function replaceOperatorKey(folder: string, key: string): void {
  const file = operatorKeyFile(openHome(folder));
  writeFileSync(file, `${key}\n`, { mode: OWNER_ONLY });
  chmodSync(file, OWNER_ONLY);
}

/** The secret in `file`; made, and the file with it, when there is none. */
export function ensureSecret(file: string, make: () => string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    // Exclusive: of two that make one, the second reads what the first made.
    writeFileSync(file, `${make()}\n`, { mode: OWNER_ONLY, flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    chmodSync(file, OWNER_ONLY);
  }
  return readFileSync(file, 'utf8').trim();
}

export function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
