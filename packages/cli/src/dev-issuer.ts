import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CredentialRole, codeOf, SonghuaError } from '@songhua/domain';
import { importJWK, type JWK, SignJWT } from 'jose';

const ALGORITHM = 'ES256';
const FOLDER_MODE = 0o700;
const OWNER_ONLY = 0o600;

const privateFile = (home: string): string => join(home, 'credentials', 'issuer.json');
const publicFile = (home: string): string => join(home, 'credentials', 'issuer-public.json');

/** The key pair of the issuer for development, made when there is none; returns the file with its public part. */
export function ensureDevIssuer(home: string): string {
  if (readKey(home)) return publicFile(home);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const named = { kid: randomBytes(8).toString('hex'), alg: ALGORITHM, use: 'sig' };
  mkdirSync(join(home, 'credentials'), { recursive: true, mode: FOLDER_MODE });
  writeFileSync(publicFile(home), JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] }));
  writeFileSync(privateFile(home), JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...named }), {
    mode: OWNER_ONLY,
  });
  return publicFile(home);
}

export interface TokenRequest {
  apiUrl: string;
  subject: string;
  role: CredentialRole;
  department?: string | undefined;
  seconds: number;
}

/** Signs a token as an identity provider would. Throws `usage.dev-issuer` where the system was not started with one. */
export async function issueToken(home: string, request: TokenRequest): Promise<string> {
  const key = readKey(home);
  if (!key)
    throw new SonghuaError(
      'usage.dev-issuer',
      'there is no issuer for development here: start with "songhua up --dev-issuer"',
      { actor: 'operator' },
    );
  const claims = {
    songhua_role: request.role,
    ...(request.department !== undefined && { songhua_department: request.department }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, ...(key.kid !== undefined && { kid: key.kid }) })
    .setIssuer(`${request.apiUrl}/dev-issuer`)
    .setAudience('songhua')
    .setSubject(request.subject)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + request.seconds)
    .sign(await importJWK(key, ALGORITHM));
}

function readKey(home: string): JWK | undefined {
  try {
    return JSON.parse(readFileSync(privateFile(home), 'utf8')) as JWK;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
