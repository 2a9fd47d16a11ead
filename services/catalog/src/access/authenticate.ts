import type { AccessRepository } from '@songhua/catalog';
import { apiKeyId, hashApiKey, type Principal, reasonOf, SonghuaError, sameSecret } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';

/** Turns the header `Authorization` into who calls. Throws `access.missing` or `access.invalid` (401). */
export type Authenticate = (authorization: string | undefined) => Promise<Principal>;

/** Verifies a bearer token that is not an API key; throws `access.invalid` (401) or `access.issuer-unavailable` (503). */
export type VerifyToken = (token: string) => Promise<Principal>;

// Tokens with many group claims stay below this; a longer header is an attack or a mistake.
const BEARER = /^Bearer +([\x21-\x7e]{1,8192})$/i;
const NO_HASH = Buffer.alloc(32);

export const invalidCredentials = (why: string, cause?: unknown): SonghuaError =>
  new SonghuaError('access.invalid', `the credentials are not accepted: ${why}`, {
    actor: 'department',
    ...(cause !== undefined && { cause }),
  });

export function createAuthenticate(deps: {
  access: AccessRepository;
  logger: Logger;
  /** Absent when no issuer is configured. */
  verifyToken?: VerifyToken | undefined;
}): Authenticate {
  const ofKey = async (id: string, key: string): Promise<Principal> => {
    const stored = await deps.access.key(id);
    // Compared even when there is no such key, so that the time does not tell.
    const same = sameSecret(stored?.hash ?? NO_HASH, hashApiKey(key));
    if (!stored || !same) throw invalidCredentials('no such API key; ask an operator for one ("songhua keys create")');
    if (stored.state !== 'active')
      throw invalidCredentials(`this API key is ${stored.state}; ask an operator for another ("songhua keys create")`);
    if (!stored.noted)
      await deps.access
        .touch(id)
        .catch((error: unknown) =>
          deps.logger.warn({ reason: reasonOf(error) }, 'the use of a key could not be noted'),
        );
    return stored.principal;
  };

  return async (authorization) => {
    if (authorization === undefined)
      throw new SonghuaError(
        'access.missing',
        'this needs credentials: send "Authorization: Bearer …" with an API key (an operator makes one with "songhua keys create") or a token of the city\'s identity provider',
        { actor: 'department' },
      );
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw invalidCredentials('send "Authorization: Bearer …" with an API key or a token');
    const id = apiKeyId(token);
    if (id !== undefined) return ofKey(id, token);
    if (deps.verifyToken && !token.startsWith('sk_')) return deps.verifyToken(token);
    throw invalidCredentials('this is neither an API key nor a token that is accepted here');
  };
}
