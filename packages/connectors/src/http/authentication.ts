import { sourceError } from '@songhua/connector-sdk';
import type { Authentication } from './config.js';
import { type Credentials, NO_CREDENTIALS } from './exchange.js';

export interface Authenticator {
  credentials(): Promise<Credentials>;
  /** After an answer 401: forgets what was cached. False when asking again would send the same. */
  renew(): boolean;
}

/** How tokens are had; what caches them is the caller's. */
export interface TokenSource {
  token(): Promise<string>;
  forget(): void;
}

type OAuth = Extract<Authentication, { type: 'oauth2' }>;

/** Credentials as the config says or, without one, as the names of the secrets suggest. Throws `connector.config-invalid` for a missing secret. */
export function createAuthenticator(
  given: Authentication | undefined,
  secrets: Record<string, string>,
  tokensOf: (config: OAuth) => TokenSource,
): Authenticator {
  const config = given ?? suggestedBy(secrets);
  if (config.type === 'oauth2') {
    const tokens = tokensOf(config);
    return {
      credentials: async () => bearer(await tokens.token()),
      renew() {
        tokens.forget();
        return true;
      },
    };
  }
  const credentials = fixedCredentials(config, secrets);
  return { credentials: async () => credentials, renew: () => false };
}

function suggestedBy(secrets: Record<string, string>): Authentication {
  if (secrets.token !== undefined) return { type: 'bearer' };
  return secrets.username === undefined ? { type: 'none' } : { type: 'basic' };
}

function fixedCredentials(config: Exclude<Authentication, OAuth>, secrets: Record<string, string>): Credentials {
  switch (config.type) {
    case 'none':
      return NO_CREDENTIALS;
    case 'bearer':
      return bearer(secretOf(secrets, 'token'));
    case 'basic':
      return basic(secretOf(secrets, 'username'), secrets.password ?? '');
    case 'apiKey': {
      const named = (names: Record<string, string>) =>
        Object.fromEntries(Object.entries(names).map(([name, secret]) => [name, secretOf(secrets, secret)]));
      return { headers: named(config.header), query: named(config.query), body: named(config.body) };
    }
  }
}

const bearer = (token: string): Credentials => ({ ...NO_CREDENTIALS, headers: { authorization: `Bearer ${token}` } });

export const basic = (username: string, password: string): Credentials => ({
  ...NO_CREDENTIALS,
  headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
});

/** The secret of a name. Throws `connector.config-invalid` when there is none, or one that no header can hold. */
export function secretOf(secrets: Record<string, string>, name: string): string {
  const secret = secrets[name]?.trim();
  if (secret === undefined || secret === '')
    throw sourceError(
      'connector.config-invalid',
      `the secret \`${name}\` is missing; add it to the connector's secrets`,
    );
  if (/[\r\n\0]/.test(secret))
    throw sourceError('connector.config-invalid', `the secret \`${name}\` has several lines; give the key alone`);
  return secret;
}
