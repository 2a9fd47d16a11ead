import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { Principal } from '@songhua/domain';
import { exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { createTokenVerifier } from '../../src/access/oidc.js';
import { type Issuer, startIssuer } from './issuer.js';

let issuer: Issuer;
let other: Issuer;

beforeAll(async () => {
  [issuer, other] = await Promise.all([startIssuer(), startIssuer()]);
});
afterEach(() => {
  issuer.broken = false;
});
afterAll(() => {
  issuer.close();
  other.close();
});

const verifier = (more: object = {}): ((token: string) => Promise<Principal>) =>
  createTokenVerifier({
    issuer: issuer.url,
    audience: 'songhua',
    roleClaim: 'songhua_role',
    roles: {},
    departmentClaim: 'songhua_department',
    ...more,
  });
const seconds = (): number => Math.floor(Date.now() / 1000);
const unsigned = (header: object, claims: object): string =>
  [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
const claims = (): object => ({
  iss: issuer.url,
  aud: 'songhua',
  sub: 'eve',
  songhua_role: 'operator',
  exp: seconds() + 300,
});

test('a signed token names its subject, role and department', async () => {
  const token = await issuer.token({ songhua_role: 'department', songhua_department: 'education' });
  expect(await verifier()(token)).toEqual({
    id: 'oidc:wang',
    role: 'department',
    department: 'education',
    actions: null,
  });
});

test('an issuer may call roles and claims as it likes', async () => {
  const verify = verifier({
    roleClaim: 'realm_access.roles',
    roles: { editors: 'department', admins: 'operator' },
    departmentClaim: 'https://city.example/bureau',
  });
  const editor = await issuer.token({
    realm_access: { roles: ['staff', 'editors'] },
    'https://city.example/bureau': 'health',
  });
  expect(await verify(editor)).toMatchObject({ role: 'department', department: 'health' });
  expect(await verify(await issuer.token({ realm_access: { roles: ['editors', 'admins'] } }))).toMatchObject({
    role: 'operator',
    department: null,
  });
});

test('a token without a role of ours, or with a department that cannot be one, grants nothing', async () => {
  expect(await verifier()(await issuer.token({ songhua_role: 'emperor' }))).toMatchObject({ role: 'anonymous' });
  const strange = await issuer.token({ songhua_role: 'department', songhua_department: '../health' });
  expect(await verifier()(strange)).toMatchObject({ role: 'department', department: null });
});

test.each([
  ['is not signed (alg none)', async () => `${unsigned({ alg: 'none' }, claims())}.`],
  ['is not signed, and says so in capitals', async () => `${unsigned({ alg: 'NONE', kid: 'first' }, claims())}.`],
  [
    'is signed with the public key as a shared secret (key confusion)',
    async () => {
      const text = unsigned({ alg: 'HS256', kid: 'first' }, claims());
      const secret = await exportSPKI(issuer.publicKey);
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    },
  ],
  [
    'is signed with the published modulus as a shared secret',
    async () => issuer.token({}, { alg: 'HS256', key: Buffer.from(JSON.stringify(issuer.keys[0])) }),
  ],
  ['is for another audience', async () => issuer.token({ aud: 'payroll' })],
  ['is for no audience', async () => issuer.token({ aud: undefined })],
  ['is of another issuer', async () => other.token()],
  ['claims to be of this issuer, but another signed it', async () => other.token({ iss: issuer.url })],
  ['has expired', async () => issuer.token({ exp: seconds() - 60 })],
  ['never expires', async () => issuer.token({ exp: undefined })],
  ['is not valid yet', async () => issuer.token({ nbf: seconds() + 120 })],
  ['names nobody', async () => issuer.token({ sub: undefined })],
  ['names somebody with control characters', async () => issuer.token({ sub: 'a\u0000b' })],
  [
    'was changed after signing',
    async () => (await issuer.token()).replace(/\.[^.]+\./, `.${unsigned(claims(), {}).split('.')[0]}.`),
  ],
  [
    'brings its own key',
    async () => {
      const pair = await generateKeyPair('RS256');
      const text = await issuer.token({}, { key: pair.privateKey });
      return text.replace(
        /^[^.]+/,
        Buffer.from(JSON.stringify({ alg: 'RS256', jwk: await exportJWK(pair.publicKey) })).toString('base64url'),
      );
    },
  ],
  ['is no token', async () => 'a.b.c'],
])('a token that %s is not accepted', async (_, make) => {
  await expect(verifier()(await make())).rejects.toMatchObject({ code: 'access.invalid' });
});

test('clocks that differ by half a minute do not matter', async () => {
  const verify = verifier();
  await verify(await issuer.token({ exp: seconds() - 10 }));
  await verify(await issuer.token({ nbf: seconds() + 10 }));
});

test('keys are fetched once for many tokens, and unknown key ids do not become requests', async () => {
  const verify = verifier();
  const before = issuer.asked();
  for (let n = 0; n < 20; n++) await verify(await issuer.token({ sub: `n${n}` }));
  for (let n = 0; n < 20; n++)
    await expect(verify(await issuer.token({}, { kid: `made-up-${n}` }))).rejects.toMatchObject({
      code: 'access.invalid',
    });
  expect(issuer.asked() - before).toBe(1);
});

test('a new key of the issuer is accepted', async () => {
  const pair = await generateKeyPair('ES256');
  issuer.keys = [...issuer.keys, { ...(await exportJWK(pair.publicKey)), kid: 'second' }];
  expect(await verifier()(await issuer.token({}, { key: pair.privateKey, alg: 'ES256', kid: 'second' }))).toMatchObject(
    {
      id: 'oidc:wang',
    },
  );
});

test('an issuer that is away is no reason to accept or refuse: try again', async () => {
  issuer.broken = true;
  const verify = verifier();
  const token = await issuer.token();
  await expect(verify(token)).rejects.toMatchObject({ code: 'access.issuer-unavailable', retryable: true });
  issuer.broken = false;
  expect(await verify(token)).toMatchObject({ id: 'oidc:wang' });
  await expect(verifier({ issuer: 'http://127.0.0.1:1' })(token)).rejects.toMatchObject({
    code: 'access.issuer-unavailable',
  });
});

test('a discovery document of another issuer is not believed', async () => {
  const verify = verifier({ issuer: `${issuer.url}/` });
  await expect(verify(await issuer.token())).rejects.toMatchObject({ code: 'access.issuer-unavailable' });
});

test('an issuer on https whose keys are at an address without TLS is not believed', async () => {
  const url = 'https://issuer.example';
  const asked = jest
    .spyOn(globalThis, 'fetch')
    .mockImplementation(async () => Response.json({ issuer: url, jwks_uri: `${issuer.url}/jwks` }));
  try {
    await expect(verifier({ issuer: url })(await issuer.token({ iss: url }))).rejects.toMatchObject({
      code: 'access.issuer-unavailable',
      message: expect.stringContaining('not https'),
    });
    expect(asked).toHaveBeenCalledTimes(1);
  } finally {
    asked.mockRestore();
  }
});
