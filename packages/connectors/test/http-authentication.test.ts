import { once } from 'node:events';
import { createServer } from 'node:https';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHttpConnector, createNetwork, type HttpConnector } from '../src/index.js';
import { type Answer, type Asked, rowsFrom, startApi, type TestApi } from './http-api.js';
import { type ReadOnceOptions, readOnce, rowsOf } from './reading.js';
import { createAuthority } from './servers/certificates.js';

const CANARY = 'canary-9f2c61';
const ROWS = rowsFrom(1, 3);

let api: TestApi;
let connector: HttpConnector;
beforeEach(async () => {
  api = await startApi(() => ({ body: ROWS }));
  connector = createHttpConnector();
});
afterEach(async () => {
  await connector.close();
  await api.close();
});

const read = (config: Record<string, unknown>, options: ReadOnceOptions = {}) =>
  readOnce(connector, { url: `${api.url}/data`, ...config }, options);
const guarded = (isRight: (asked: Asked) => boolean) => {
  api.answer = (asked) => (isRight(asked) ? { body: ROWS } : { status: 401 });
};
const failure = (reading: Promise<unknown>): Promise<unknown> =>
  reading.then(
    () => undefined,
    (error: unknown) => error,
  );
const textOf = (error: unknown): string => {
  const { message, details, cause } = error as { message: string; details: unknown; cause?: unknown };
  return JSON.stringify([message, details, error, String(cause), cause]);
};

describe('every authentication', () => {
  test('none sends nothing, even when there are secrets', async () => {
    await read({ authentication: { type: 'none' } }, { secrets: { token: CANARY } });
    expect(JSON.stringify(api.asked)).not.toContain(CANARY);
  });

  test.each([
    ['said', { authentication: { type: 'basic' } }],
    ['found from the names of the secrets', {}],
  ])('basic, %s', async (_how, config) => {
    const wanted = `Basic ${Buffer.from(`clerk:${CANARY}:ü`).toString('base64')}`;
    guarded(({ headers }) => headers.authorization === wanted);
    expect(rowsOf(await read(config, { secrets: { username: 'clerk', password: `${CANARY}:ü` } }))).toHaveLength(3);
  });

  test.each([
    ['said', { authentication: { type: 'bearer' } }],
    ['found from the names of the secrets', {}],
  ])('bearer, %s; the line end of a secret file is no part of it', async (_how, config) => {
    guarded(({ headers }) => headers.authorization === `Bearer ${CANARY}`);
    expect(rowsOf(await read(config, { secrets: { token: `${CANARY}\n` } }))).toHaveLength(3);
  });

  test('API keys in headers, query and body, on every page', async () => {
    api.answer = ({ headers, query, text }) => {
      const body = JSON.parse(text) as { sign?: string; page?: number };
      const right = headers['x-app-key'] === 'k1' && query.get('appId') === 'a1' && body.sign === CANARY;
      return right ? { body: body.page === 1 ? ROWS : [] } : { status: 403 };
    };
    const config = {
      method: 'POST',
      body: { json: {} },
      pagination: { type: 'page' },
      authentication: {
        type: 'apiKey',
        header: { 'X-App-Key': 'key' },
        query: { appId: 'id' },
        body: { sign: 'sign' },
      },
    };
    expect(rowsOf(await read(config, { secrets: { key: 'k1', id: 'a1', sign: CANARY } }))).toHaveLength(3);
    expect(api.asked).toHaveLength(2);
  });

  test('a wrong key is denied, and is in no message', async () => {
    guarded(() => false);
    const config = { authentication: { type: 'apiKey', query: { key: 'key' } } };
    const error = await failure(read(config, { secrets: { key: CANARY } }));
    expect(error).toMatchObject({ code: 'source.denied', actor: 'department', retryable: false });
    expect(textOf(error)).not.toContain(CANARY);
  });

  test.each([
    [{ type: 'bearer' }, {}],
    [{ type: 'basic' }, { password: 'x' }],
    [{ type: 'apiKey', header: { 'X-Key': 'key' } }, { token: 'x' }],
    [{ type: 'oauth2', tokenUrl: 'https://id.example/token' }, { clientId: 'x' }],
    [{ type: 'bearer' }, { token: `${CANARY}\r\nx-injected: 1` }],
  ])('a secret that is missing or no key is told before anything is sent: %j', async (authentication, secrets) => {
    const error = await failure(read({ authentication }, { secrets: secrets as Record<string, string> }));
    expect(error).toMatchObject({ code: 'connector.config-invalid', actor: 'department' });
    expect(textOf(error)).not.toContain(CANARY);
    expect(api.asked).toEqual([]);
  });

  test.each(['Authorization', 'cookie', 'Proxy-Authorization', 'Host', 'Content-Length', 'Transfer-Encoding'])(
    'the header %s does not belong into the config',
    (name) => {
      expect(connector.configSchema.safeParse({ url: api.url, headers: { [name]: 'x' } }).success).toBe(false);
    },
  );
});

describe('OAuth 2 client credentials', () => {
  const secrets = { clientId: 'app 1', clientSecret: CANARY };
  let issued: number;
  let lifetime: number | undefined;
  let valid: Set<string>;
  let tokenAnswer: ((asked: Asked) => Answer) | undefined;
  const config = (extra: Record<string, unknown> = {}) => ({
    authentication: { type: 'oauth2', tokenUrl: `${api.url}/token`, scope: 'read all', ...extra },
  });
  const asked = (path: string) => api.asked.filter((one) => one.path === path);
  beforeEach(() => {
    issued = 0;
    lifetime = 3600;
    valid = new Set();
    tokenAnswer = undefined;
    api.answer = (one) => {
      if (one.path !== '/token') {
        const token = one.headers.authorization?.replace('Bearer ', '') ?? '';
        return valid.has(token) ? { body: ROWS } : { status: 401 };
      }
      if (tokenAnswer) return tokenAnswer(one);
      const token = `${CANARY}-token-${++issued}`;
      valid.add(token);
      return { body: { access_token: token, token_type: 'Bearer', ...(lifetime ? { expires_in: lifetime } : {}) } };
    };
  });

  test('asks for a token as the standard says, and uses it until it expires', async () => {
    expect(rowsOf(await read(config(), { secrets }))).toHaveLength(3);
    expect(rowsOf(await read(config(), { secrets }))).toHaveLength(3);
    expect(asked('/token')).toHaveLength(1);
    expect(asked('/token')[0]).toMatchObject({
      method: 'POST',
      text: 'grant_type=client_credentials&scope=read+all',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`app%201:${CANARY}`).toString('base64')}`,
      },
    });
  });

  test('sends id and secret in the body where the endpoint wants them there', async () => {
    await read(config({ clientIn: 'body', audience: 'city' }), { secrets });
    expect(Object.fromEntries(new URLSearchParams(asked('/token')[0]?.text))).toEqual({
      grant_type: 'client_credentials',
      scope: 'read all',
      audience: 'city',
      client_id: 'app 1',
      client_secret: CANARY,
    });
    expect(asked('/token')[0]?.headers.authorization).toBeUndefined();
  });

  test('asks anew when the token is about to expire, and for another secret', async () => {
    lifetime = 20;
    await read(config(), { secrets });
    await read(config(), { secrets });
    expect(issued).toBe(2);
    lifetime = 3600;
    await read(config(), { secrets });
    await read(config(), { secrets: { ...secrets, clientSecret: 'rotated' } });
    expect(issued).toBe(4);
  });

  test('a token that is revoked is replaced once, also amid pages', async () => {
    await read(config(), { secrets });
    valid.clear();
    expect(rowsOf(await read(config(), { secrets }))).toHaveLength(3);
    expect(issued).toBe(2);
  });

  test('when the new token is refused too, access is denied after two tries', async () => {
    const answer = api.answer;
    api.answer = (one) => (one.path === '/token' ? answer(one) : { status: 401 });
    const error = await failure(read(config(), { secrets }));
    expect(error).toMatchObject({ code: 'source.denied', retryable: false });
    expect(textOf(error)).not.toContain(CANARY);
    expect([issued, asked('/data').length]).toEqual([2, 2]);
  });

  test.each([
    ['wrong id or secret', { status: 401, body: { error: 'invalid_client', hint: CANARY } }, 'source.denied'],
    ['wrong scope', { status: 400, body: { error: 'invalid_scope', hint: CANARY } }, 'source.denied'],
    ['a page', { body: `<html>${CANARY}` }, 'source.unreadable'],
    ['no token', { body: { hint: CANARY } }, 'source.unreadable'],
    ['another kind of token', { body: { access_token: CANARY, token_type: 'mac' } }, 'source.unreadable'],
    ['a redirect', { status: 307, headers: { location: 'https://elsewhere.example/' } }, 'source.refused'],
    ['500', { status: 500, body: CANARY }, 'source.failed'],
  ] as [string, Answer, string][])('a token endpoint that answers %s is told as such', async (_what, answer, code) => {
    tokenAnswer = () => answer;
    const error = await failure(read(config(), { secrets }));
    expect(error).toMatchObject({ code });
    expect(textOf(error)).not.toContain(CANARY);
    expect(asked('/token')).toHaveLength(1);
    expect(asked('/data')).toHaveLength(0);
  });

  test('the token endpoint is reached through the same network', async () => {
    const oauth = { authentication: { type: 'oauth2', tokenUrl: 'http://169.254.169.254/token' } };
    await expect(read(oauth, { secrets })).rejects.toMatchObject({ code: 'connector.address-refused' });
  });
});

describe('redirects', () => {
  test('carry keys, tokens and headers of the config to the same server only', async () => {
    const other = await startApi(() => ({ body: ROWS }));
    try {
      api.answer = ({ path }) => ({
        status: 302,
        headers: { location: path === '/data' ? '/moved' : `${other.url}/elsewhere` },
      });
      const authentication = { type: 'apiKey', header: { 'X-Key': 'key' }, query: { key: 'key' } };
      const headers = { 'X-Tenant': 'bureau', Accept: 'text/csv' };
      await read({ authentication, headers }, { secrets: { key: CANARY } });
      expect(api.asked[1]?.headers).toMatchObject({ 'x-key': CANARY, 'x-tenant': 'bureau' });
      expect(api.asked[1]?.query.get('key')).toBe(CANARY);
      expect(other.asked[0]?.headers).toMatchObject({ accept: 'text/csv' });
      expect(JSON.stringify(other.asked)).not.toMatch(new RegExp(`${CANARY}|bureau`));
    } finally {
      await other.close();
    }
  });

  test('repeat a POST as it was only where the server says so', async () => {
    api.answer = ({ path }) =>
      path === '/data'
        ? { status: 308, headers: { location: '/kept' } }
        : path === '/kept'
          ? { status: 303, headers: { location: '/get' } }
          : { body: ROWS };
    await read({ method: 'POST', body: { text: 'q=1', contentType: 'text/x-query' } });
    expect(api.asked.map(({ method, path, text }) => [method, path, text])).toEqual([
      ['POST', '/data', 'q=1'],
      ['POST', '/kept', 'q=1'],
      ['GET', '/get', ''],
    ]);
    expect(api.asked[1]?.headers['content-type']).toBe('text/x-query');
  });
});

test('a private CA in the config is enough for https, and a redirect to http is refused', async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue([{ type: 'ip', value: '127.0.0.1' }]);
  const server = createServer(certificate, (request, response) => {
    if (request.url === '/data') response.end('id\n1\n');
    else response.writeHead(302, { location: `${api.url}/data` }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as { port: number }).port}`;
  try {
    const tls = { ca: authority.cert };
    expect(rowsOf(await read({ url: `${url}/data`, tls }))).toEqual([['1']]);
    await expect(read({ url: `${url}/data` })).rejects.toMatchObject({ code: 'source.refused' });
    await expect(read({ url: `${url}/away`, tls })).rejects.toMatchObject({ code: 'connector.address-refused' });
    const strict = { network: createNetwork({ allowed: [] }) };
    await expect(read({ url: `${url}/data`, tls }, strict)).rejects.toMatchObject({
      code: 'connector.address-refused',
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
