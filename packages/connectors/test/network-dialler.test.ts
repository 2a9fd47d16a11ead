import { once } from 'node:events';
import { get, type RequestOptions } from 'node:http';
import { createServer as createHttps, get as getTls } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Network } from '@songhua/connector-sdk';
import { createAgent, createNetwork } from '../src/index.js';
import { startServer } from './http-server.js';
import { type Authority, createAuthority, selfSigned } from './servers/certificates.js';
import { type DnsServer, startDns } from './servers/dns.js';

let dns: DnsServer;
let authority: Authority;
let loopback: Network;
const open: (() => void)[] = [];
beforeAll(async () => {
  dns = await startDns();
  authority = await createAuthority();
  loopback = createNetwork({ allowed: ['127.0.0.1'], resolve: dns.resolve });
});
afterEach(() => {
  for (const close of open.splice(0)) close();
});
afterAll(() => dns.close());

async function listening(server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  open.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const tlsPort = (options: TlsOptions): Promise<number> =>
  listening(
    createServer(options, (socket) => void socket.on('error', () => undefined).end('hello')).on(
      'tlsClientError',
      () => undefined,
    ) as Server,
  );

describe('DNS rebinding', () => {
  test('an answer that changes after the check is checked again, and never connected to', async () => {
    let connections = 0;
    const port = await listening(
      createTcp((socket) => {
        connections++;
        socket.end();
      }),
    );
    const strict = createNetwork({ allowed: [], resolve: dns.resolve });
    dns.answers = { 'rebind.test': [['93.184.216.34'], ['127.0.0.1']] };
    strict.check('rebind.test');
    await new Promise((resolve) => strict.lookup('rebind.test', {}, resolve));
    await expect(strict.connect({ host: 'rebind.test', port })).rejects.toMatchObject({
      code: 'connector.address-refused',
    });
    expect(connections).toBe(0);
  });

  test('what is connected to is the answer that was checked: the name is asked once', async () => {
    const port = await listening(createTcp((socket) => void socket.end('hello')));
    dns.answers = { 'once.test': [['127.0.0.1'], ['10.0.0.1']] };
    dns.asked = [];
    const socket = await loopback.connect({ host: 'once.test', port });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(dns.asked).toEqual(['once.test']);
    socket.destroy();
  });
});

describe('TLS', () => {
  const connect = (port: number, options: { host?: string; ca?: string; serverName?: string } = {}) =>
    loopback.connectTls({ host: '127.0.0.1', port, ...options });
  const refused = (tls: string | RegExp) => ({
    code: 'source.refused',
    actor: 'department',
    details: { tls: typeof tls === 'string' ? tls : expect.stringMatching(tls) },
  });
  const HERE = [
    { type: 'ip' as const, value: '127.0.0.1' },
    { type: 'dns' as const, value: 'right.test' },
  ];

  test('a certificate of a private CA holds where the config names the CA, and nowhere else', async () => {
    const port = await tlsPort(await authority.issue(HERE));
    const socket = await connect(port, { ca: authority.cert });
    expect(socket.authorized).toBe(true);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
    await expect(connect(port)).rejects.toMatchObject(refused(/UNABLE_TO/));
  });

  test('a host name is verified as well as an address', async () => {
    const port = await tlsPort(await authority.issue(HERE));
    dns.answers = { 'right.test': [['127.0.0.1']], 'wrong.test': [['127.0.0.1']] };
    (await connect(port, { host: 'right.test', ca: authority.cert })).destroy();
    (await connect(port, { serverName: 'right.test', ca: authority.cert })).destroy();
    await expect(connect(port, { host: 'wrong.test', ca: authority.cert })).rejects.toMatchObject(
      refused('ERR_TLS_CERT_ALTNAME_INVALID'),
    );
  });

  test('an address that the certificate does not name is refused', async () => {
    const port = await tlsPort(await authority.issue([{ type: 'ip', value: '127.0.0.2' }]));
    await expect(connect(port, { ca: authority.cert })).rejects.toMatchObject(refused('ERR_TLS_CERT_ALTNAME_INVALID'));
  });

  test('self-signed is refused', async () => {
    const port = await tlsPort(await selfSigned(HERE));
    await expect(connect(port)).rejects.toMatchObject(refused('DEPTH_ZERO_SELF_SIGNED_CERT'));
  });

  test('expired is refused', async () => {
    const port = await tlsPort(await authority.issue(HERE, -1));
    await expect(connect(port, { ca: authority.cert })).rejects.toMatchObject(refused('CERT_HAS_EXPIRED'));
  });

  test('TLS older than 1.2 is refused', async () => {
    const port = await tlsPort({
      ...(await authority.issue(HERE)),
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await expect(connect(port, { ca: authority.cert })).rejects.toMatchObject(refused(/SSL/));
  });

  test('TLS 1.2 is enough', async () => {
    const port = await tlsPort({ ...(await authority.issue(HERE)), maxVersion: 'TLSv1.2' });
    const socket = await connect(port, { ca: authority.cert });
    expect(socket.getProtocol()).toBe('TLSv1.2');
    socket.destroy();
  });

  test('the switch that turns verification off for a whole process changes nothing', async () => {
    const port = await tlsPort(await selfSigned(HERE));
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      await expect(connect(port)).rejects.toMatchObject(refused('DEPTH_ZERO_SELF_SIGNED_CERT'));
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  test('a server that never shakes hands ends as a timeout', async () => {
    const port = await listening(createTcp());
    await expect(loopback.connectTls({ host: '127.0.0.1', port, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'source.timeout',
      retryable: true,
    });
  });

  test('a server that hangs up during the handshake is unreachable, which may be tried again', async () => {
    const port = await listening(createTcp((socket) => void socket.destroy()));
    await expect(connect(port)).rejects.toMatchObject({ code: 'source.unreachable', retryable: true });
  });
});

describe('connecting', () => {
  test('nobody there is unreachable, which may be tried again', async () => {
    const server = createTcp();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    await expect(loopback.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'source.unreachable',
      retryable: true,
    });
  });

  test('a name without an address is unreachable', async () => {
    dns.answers = {};
    await expect(loopback.connect({ host: 'nowhere.test', port: 9 })).rejects.toMatchObject({
      code: 'source.unreachable',
    });
  });

  test('an aborted connect ends at once', async () => {
    const port = await listening(createTcp());
    const abort = new AbortController();
    const connecting = loopback.connectTls({ host: '127.0.0.1', port, signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(connecting).rejects.toMatchObject({ code: 'source.aborted' });
  });
});

describe('the agent for libraries with their own HTTP client', () => {
  const fetched = (options: RequestOptions, tls = false): Promise<string> =>
    new Promise((resolve, reject) => {
      (tls ? getTls : get)(options, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      }).on('error', reject);
    });

  test('reaches what the network allows and refuses the rest', async () => {
    const server = await startServer((_request, response) => void response.end('hello'));
    open.push(() => void server.close());
    const { hostname: host, port } = new URL(server.url);
    const agent = createAgent(loopback, { tls: false });
    expect(await fetched({ host, port, agent })).toBe('hello');
    expect(await fetched({ host, port, agent })).toBe('hello');
    agent.destroy();
    const strict = createAgent(createNetwork({ allowed: [] }), { tls: false });
    await expect(fetched({ host, port, agent: strict })).rejects.toMatchObject({ code: 'connector.address-refused' });
    await expect(fetched({ host: '0x7f.1', port, agent: strict })).rejects.toMatchObject({
      code: 'connector.address-refused',
    });
  });

  test('verifies TLS with the private CA it was given', async () => {
    const server = createHttps(await authority.issue([{ type: 'ip', value: '127.0.0.1' }]), (_request, response) => {
      response.end('secret');
    });
    const port = await listening(server as unknown as Server);
    const target = { host: '127.0.0.1', port };
    const agent = createAgent(loopback, { tls: true, ca: authority.cert });
    expect(await fetched({ ...target, agent }, true)).toBe('secret');
    agent.destroy();
    await expect(fetched({ ...target, agent: createAgent(loopback, { tls: true }) }, true)).rejects.toMatchObject({
      code: 'source.refused',
    });
  });
});
