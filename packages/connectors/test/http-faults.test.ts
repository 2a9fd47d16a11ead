import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHttpConnector, createNetwork, type HttpConnector } from '../src/index.js';
import { startServer, type TestServer } from './http-server.js';
import { endOf, readOnce, rowsOf, typesOf } from './reading.js';
import { startDns } from './servers/dns.js';

const CSV = 'id,name\n1,a\n2,b\n';

let server: TestServer;
let connector: HttpConnector;
beforeEach(async () => {
  server = await startServer();
  connector = createHttpConnector();
});
afterEach(async () => {
  await connector.close();
  await server.close();
});

const url = (): string => `${server.url}/exports/points.csv?token=canary-7f3a`;
const read = (options: Parameters<typeof readOnce>[2] = {}) => readOnce(connector, { url: url() }, options);

describe('what a server may do wrong', () => {
  test.each([
    [404, 'source.missing', false],
    [410, 'source.missing', false],
    [401, 'source.denied', false],
    [403, 'source.denied', false],
    [400, 'source.refused', false],
    [500, 'source.failed', true],
    [503, 'source.failed', true],
    [429, 'source.rate-limited', true],
  ])('status %i is %s, retryable: %s, and its query never reaches the message', async (status, code, retryable) => {
    server.handler = (_request, response) => response.writeHead(status).end('<html>sorry</html>');
    const error = await read({ timeoutMs: 900 }).then(
      () => undefined,
      (problem: unknown) => problem,
    );
    expect(error).toMatchObject({ name: 'SonghuaError', code, retryable, actor: 'department' });
    expect(JSON.stringify([error, (error as Error).message])).not.toContain('canary');
  });

  test('a body shorter than its Content-Length is truncated, and may be tried again', async () => {
    server.handler = (_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write(CSV, () => response.destroy());
    };
    await expect(read()).rejects.toMatchObject({ code: 'source.truncated', retryable: true });
  });

  test('a chunked body that breaks off is truncated', async () => {
    server.handler = (_request, response) => {
      response.writeHead(200);
      response.write(CSV, () => response.destroy());
    };
    await expect(read()).rejects.toMatchObject({ code: 'source.truncated', retryable: true });
  });

  test('compressed data that breaks off is truncated', async () => {
    const packed = gzipSync(CSV.repeat(1000));
    server.handler = (_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed.subarray(0, packed.length - 12));
    await expect(read()).rejects.toMatchObject({ code: 'source.truncated', retryable: true });
  });

  test.each(['<!DOCTYPE html><html>', '\uFEFF \n<html lang="zh">', '<?xml version="1.0"?>\n<!-- x --><!doctype HTML>'])(
    'an HTML page that is served as CSV is refused: %j',
    async (start) => {
      server.handler = (_request, response) =>
        response.writeHead(200, { 'content-type': 'text/csv' }).end(`${start}<body>请登录</body></html>`);
      await expect(read()).rejects.toMatchObject({ code: 'source.html', actor: 'department', retryable: false });
    },
  );

  test('a server that never answers ends as a timeout, which may be tried again', async () => {
    server.handler = () => undefined;
    await expect(read({ timeoutMs: 200 })).rejects.toMatchObject({ code: 'source.timeout', retryable: true });
  });

  test('a server that stops in the middle ends as a timeout', async () => {
    server.handler = (_request, response) => void response.writeHead(200).write(CSV);
    await expect(read({ timeoutMs: 200 })).rejects.toMatchObject({ code: 'source.timeout', retryable: true });
  });

  test('a server that is away is unreachable, which may be tried again', async () => {
    await server.close();
    await expect(read()).rejects.toMatchObject({ code: 'source.unreachable', retryable: true });
  });

  test('more bytes than the limit are refused, told in advance or not, packed or not', async () => {
    const big = Buffer.alloc(100_000, 'x,');
    server.handler = (_request, response) => response.writeHead(200, { 'content-length': big.length }).end(big);
    await expect(read({ maxBytes: 1000 })).rejects.toMatchObject({ code: 'source.too-large' });
    server.handler = (_request, response) => response.writeHead(200).end(big);
    await expect(read({ maxBytes: 1000 })).rejects.toMatchObject({ code: 'source.too-large' });
    server.handler = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(big));
    await expect(read({ maxBytes: 1000 })).rejects.toMatchObject({ code: 'source.too-large' });
  });
});

describe('redirects', () => {
  test('are followed a few times, not for ever', async () => {
    server.handler = (request, response) =>
      request.url === '/end.csv'
        ? response.end(CSV)
        : response.writeHead(302, { location: request.url === '/loop' ? '/loop' : '/end.csv' }).end();
    expect(rowsOf(await readOnce(connector, { url: `${server.url}/start` }))).toHaveLength(2);
    await expect(readOnce(connector, { url: `${server.url}/loop` })).rejects.toMatchObject({ code: 'source.refused' });
  });

  test('do not carry credentials to another origin', async () => {
    const other = await startServer((_request, response) => response.end(CSV));
    try {
      server.handler = (_request, response) => response.writeHead(307, { location: `${other.url}/x.csv` }).end();
      await read({ secrets: { token: 'canary' } });
      expect(server.requests[0]?.headers.authorization).toBe('Bearer canary');
      expect(other.requests[0]?.headers.authorization).toBeUndefined();
    } finally {
      await other.close();
    }
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://169.254.169.254/latest', 'http://[::ffff:10.0.0.1]/'])(
    'never lead to %s',
    async (location) => {
      server.handler = (_request, response) => response.writeHead(302, { location }).end();
      await expect(read()).rejects.toMatchObject({ code: 'connector.address-refused' });
    },
  );
});

describe('names', () => {
  test('that a redirect leads to are looked up and checked on every hop', async () => {
    const dns = await startDns();
    try {
      dns.answers = { 'outer.test': [['127.0.0.1']], 'inner.test': [['10.0.0.1']] };
      const network = createNetwork({ allowed: ['127.0.0.1'], resolve: dns.resolve });
      const { port } = new URL(server.url);
      server.handler = (request, response) =>
        request.url === '/0'
          ? response.writeHead(302, { location: `http://outer.test:${port}/1` }).end()
          : response.writeHead(302, { location: `http://inner.test:${port}/2` }).end();
      await expect(readOnce(connector, { url: `${server.url}/0` }, { network })).rejects.toMatchObject({
        code: 'connector.address-refused',
      });
      expect(server.requests.map((request) => request.url)).toEqual(['/0', '/1']);
    } finally {
      await dns.close();
    }
  });
});

describe('addresses', () => {
  test.each([
    'http://127.0.0.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://localhost/',
    'http://10.1.2.3/',
    'http://192.168.0.1/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://[fd00::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://0.0.0.0/',
  ])('%s is not reached unless the operator allows it', async (address) => {
    const strict = createHttpConnector();
    await expect(readOnce(strict, { url: address }, { network: createNetwork({ allowed: [] }) })).rejects.toMatchObject(
      {
        code: 'connector.address-refused',
        retryable: false,
      },
    );
    await strict.close();
  });
});

describe('validators', () => {
  test('a 304 costs one conditional request and no body', async () => {
    server.handler = (request, response) =>
      request.headers['if-none-match'] === 'W/"v1"'
        ? response.writeHead(304).end()
        : response.writeHead(200, { etag: 'W/"v1"' }).end(CSV);
    const { cursor } = endOf(await read());
    expect(typesOf(await read({ cursor }))).toEqual(['unchanged']);
  });

  test('an old Last-Modified is a validator; one of this very second is not yet', async () => {
    const date = new Date();
    let modified = new Date(date.getTime() - 60_000);
    server.handler = (_request, response) =>
      response.writeHead(200, { date: date.toUTCString(), 'last-modified': modified.toUTCString() }).end(CSV);
    await read({ cursor: endOf(await read()).cursor });
    expect(server.requests.at(-1)?.headers['if-modified-since']).toBe(modified.toUTCString());
    modified = date;
    await read({ cursor: endOf(await read()).cursor });
    expect(server.requests.at(-1)?.headers['if-modified-since']).toBeUndefined();
  });

  test('a server without validators is compared by content', async () => {
    server.handler = (_request, response) => response.end(CSV);
    const { cursor, files } = endOf(await read());
    expect(files).toMatchObject([{ name: 'points.csv', bytes: CSV.length }]);
    expect(typesOf(await read({ cursor }))).toEqual(['unchanged']);
  });

  test('a cursor of another address or way of reading does not hide the source', async () => {
    server.handler = (_request, response) => response.writeHead(200, { etag: '"same"' }).end(CSV);
    const { cursor } = endOf(await read());
    const messages = await readOnce(connector, { url: url(), delimiter: ';' }, { cursor });
    expect(typesOf(messages)).toContain('end');
    expect(server.requests.at(-1)?.headers['if-none-match']).toBeUndefined();
  });
});
