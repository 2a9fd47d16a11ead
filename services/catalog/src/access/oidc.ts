import { CREDENTIAL_ROLES, codeOf, isName, type Principal, type Role, reasonOf, SonghuaError } from '@songhua/domain';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { invalidCredentials, type VerifyToken } from './authenticate.js';

export interface OidcOptions {
  /** As tokens and the discovery document write it, to the letter. */
  issuer: string;
  audience: string;
  /** Claim with the role or roles: its name, or a path such as `realm_access.roles`. */
  roleClaim: string;
  /** What the issuer calls our roles; a name that is not here stands for itself. */
  roles: Record<string, Role>;
  departmentClaim: string;
}

// Signatures by a key pair only: with a shared secret, whoever knows the public key could sign.
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_SKEW_SECONDS = 30;
const TIMEOUT_MS = 5_000;
const DISCOVERED_FOR_MS = 3_600_000;
const KEYS_FOR_MS = 600_000;
// Tokens with made-up key ids must not become requests to the issuer.
const KEYS_COOLDOWN_MS = 30_000;

const discoverySchema = z.looseObject({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

const isSecure = (url: string): boolean => url.startsWith('https:');

/** The issuer's fault, not the token's. */
const unavailable = (issuer: string, cause: unknown): SonghuaError =>
  new SonghuaError(
    'access.issuer-unavailable',
    `tokens cannot be checked, the issuer ${issuer} does not answer as it should (${reasonOf(cause).message}); try again, or use an API key`,
    { cause, retryable: true, actor: 'operator' },
  );

/** Accepts tokens of one issuer: signature by its published keys, audience, times, and a role of ours. */
export function createTokenVerifier(options: OidcOptions): VerifyToken {
  let keys: { set: ReturnType<typeof createRemoteJWKSet>; until: number } | undefined;

  const discover = async (): Promise<ReturnType<typeof createRemoteJWKSet>> => {
    if (keys && Date.now() < keys.until) return keys.set;
    const url = `${options.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    const found = discoverySchema.parse(await response.json());
    if (found.issuer !== options.issuer) throw new Error(`${url} is of another issuer, ${found.issuer}`);
    // Whoever answers in place of the keys' server signs as anybody.
    if (isSecure(options.issuer) && !isSecure(found.jwks_uri))
      throw new Error(`${url} gives keys at ${found.jwks_uri}, which is not https`);
    const set = createRemoteJWKSet(new URL(found.jwks_uri), {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: KEYS_COOLDOWN_MS,
      cacheMaxAge: KEYS_FOR_MS,
    });
    keys = { set, until: Date.now() + DISCOVERED_FOR_MS };
    return set;
  };

  return async (token) => {
    const set = await discover().catch((error: unknown) => {
      throw unavailable(options.issuer, error);
    });
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, set, {
        algorithms: ALGORITHMS,
        issuer: options.issuer,
        audience: options.audience,
        clockTolerance: CLOCK_SKEW_SECONDS,
        requiredClaims: ['exp', 'sub'],
      }));
    } catch (error) {
      if (isOfToken(error)) throw invalidCredentials(`${reasonOf(error).message}; sign in again`, error);
      throw unavailable(options.issuer, error);
    }
    return principalOf(payload, options);
  };
}

/** Whether jose found the token wanting, as opposed to failing to get the keys. */
function isOfToken(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return (
    /^ERR_(JWT|JWS)_/.test(code) || /^ERR_JWKS_(NO|MULTIPLE)_MATCHING/.test(code) || /^ERR_JOSE_(ALG|NOT)_/.test(code)
  );
}

/** Without a role of ours somebody is known by name, and may do what everybody may. */
function principalOf(payload: JWTPayload, options: OidcOptions): Principal {
  const subject = payload.sub ?? '';
  if (!/^\P{C}{1,255}$/u.test(subject)) throw invalidCredentials('its subject is empty, too long or not printable');
  const named = [claim(payload, options.roleClaim)].flat().map((name) => options.roles[String(name)] ?? name);
  const role = CREDENTIAL_ROLES.find((one) => named.includes(one)) ?? 'anonymous';
  const department = claim(payload, options.departmentClaim);
  return {
    id: `oidc:${subject}`,
    role,
    department: role === 'department' && typeof department === 'string' && isName(department) ? department : null,
    actions: null,
  };
}

function claim(payload: JWTPayload, path: string): unknown {
  if (path in payload) return payload[path];
  return path
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], payload);
}
