import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type KeyLike, SignJWT } from 'jose';

/** An identity provider: discovery and keys over HTTP, and a signing key for the tests. */
export interface Issuer {
  url: string;
  /** Requests for its keys so far. */
  asked(): number;
  /** What is published may be changed. */
  keys: JWK[];
  publicKey: KeyLike;
  /** Signed and valid for five minutes, unless `claims` or `header` say otherwise. */
  token(
    claims?: Record<string, unknown>,
    options?: { key?: KeyLike | Uint8Array; alg?: string; kid?: string },
  ): Promise<string>;
  /** Answers nothing but 500 while it is broken. */
  broken: boolean;
  close(): void;
}

export async function startIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const state = {
    asked: 0,
    broken: false,
    keys: [{ ...(await exportJWK(publicKey)), kid: 'first', use: 'sig' }] as JWK[],
  };
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/jwks') state.asked++;
    if (state.broken) response.writeHead(500).end('{}');
    else if (request.url === '/jwks') response.end(JSON.stringify({ keys: state.keys }));
    else response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/jwks` }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    publicKey,
    asked: () => state.asked,
    get keys() {
      return state.keys;
    },
    set keys(keys) {
      state.keys = keys;
    },
    get broken() {
      return state.broken;
    },
    set broken(broken) {
      state.broken = broken;
    },
    token(claims = {}, { key = privateKey, alg = 'RS256', kid = 'first' } = {}) {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: url, aud: 'songhua', sub: 'wang', iat: now, exp: now + 300, ...claims })
        .setProtectedHeader({ alg, kid })
        .sign(key);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
