import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, newApiKey } from '@songhua/domain';
import { type Home, openHome } from './home.js';

/** What opens a running system: made at the first start of its state folder, readable by its owner only. */
export interface Access {
  /** Of the first operator. The database has only its hash. */
  operatorKey: string;
  /** By which the services know each other. */
  internalToken: string;
}

const OWNER_ONLY = 0o600;
const INTERNAL_TOKEN_BYTES = 32;

const operatorKeyFile = (home: Home): string => join(home.keys, 'operator.key');

/** Makes what is not there yet; idempotent, also when two processes do it at once. */
export function ensureAccess(home: Home): Access {
  return {
    operatorKey: ensureSecret(operatorKeyFile(home), () => newApiKey().key),
    internalToken: ensureSecret(join(home.keys, 'internal.token'), () =>
      randomBytes(INTERNAL_TOKEN_BYTES).toString('base64url'),
    ),
  };
}

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
