import { isIP } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createNetwork } from '../src/index.js';
import { type DnsServer, startDns } from './servers/dns.js';

const REFUSED = { code: 'connector.address-refused', retryable: false, actor: 'operator' };
const codeFrom = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

// One row: what it is, and how it may be written.
const INTERNAL: [string, string[]][] = [
  [
    'loopback in decimal, octal, hex and short forms',
    [
      '127.0.0.1',
      '127.1',
      '127.0.1',
      '2130706433',
      '017700000001',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '127.255.255.254',
      '0X7F.0.0.1',
      '00000177.0.0.0x1',
    ],
  ],
  [
    'loopback with a dot, in other digits and dots',
    ['127.0.0.1.', '１２７.０.０.１', '①②⑦.0.0.1', '127。0。0。1', '127．0．0．1'],
  ],
  ['this machine', ['0.0.0.0', '0', '0x0', '::', '[::]', '0:0:0:0:0:0:0:0']],
  ['loopback in IPv6', ['::1', '[::1]', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001']],
  [
    'private networks',
    [
      '10.0.0.1',
      '10.255.255.255',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.0.1',
      '192.168.255.255',
      '0xa.1',
      '3232235521',
    ],
  ],
  ['shared and benchmark networks', ['100.64.0.1', '100.127.255.255', '198.18.0.1', '198.19.255.255']],
  ['link-local', ['169.254.0.1', 'fe80::1', '[fe80::1]', 'febf::1', 'fec0::1']],
  ['unique local', ['fc00::1', 'fd12:3456::1', 'fdff:ffff::1']],
  [
    'metadata of clouds',
    [
      '169.254.169.254',
      '0xa9fea9fe',
      '2852039166',
      '169.254.170.2',
      '100.100.100.200',
      '192.0.0.192',
      '168.63.129.16',
      'fd00:ec2::254',
      '[fd00:0ec2::0254]',
      'fd20:ce::254',
    ],
  ],
  [
    'IPv4 inside IPv6: mapped',
    ['::ffff:127.0.0.1', '[::ffff:7f00:1]', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:a9fe:a9fe', '::FFFF:192.168.1.1'],
  ],
  ['IPv4 inside IPv6: compatible and translated', ['::127.0.0.1', '::7f00:1', '::ffff:0:127.0.0.1']],
  ['IPv4 inside IPv6: NAT64', ['64:ff9b::127.0.0.1', '64:ff9b::a00:1', '64:ff9b:1::a9fe:a9fe']],
  [
    'IPv4 inside IPv6: 6to4, Teredo and ISATAP',
    [
      '2002:7f00:1::',
      '2002:a9fe:a9fe::1',
      '2001:0:4136:e378:8000:63bf:3fff:fdd2',
      '2600::5efe:10.0.0.1',
      '2600::200:5efe:7f00:1',
    ],
  ],
  [
    'documentation, multicast, broadcast and reserved',
    [
      '192.0.2.1',
      '198.51.100.1',
      '203.0.113.1',
      '192.88.99.1',
      '224.0.0.1',
      '239.1.1.1',
      '240.0.0.1',
      '255.255.255.255',
      'ff02::1',
      '2001:db8::1',
      '3fff::1',
      '100::1',
      '4000::1',
    ],
  ],
];

const NO_HOST = [
  '',
  ' ',
  '.',
  '[::1',
  '::1]',
  '1.2.3.4.5',
  '256.1.1.1',
  '0x100000000',
  'fe80::1%eth0',
  '[fe80::1%25lo]',
  '%31%32%37.0.0.1',
  '127.0.0.1:80',
  '127.0.0.1/',
  'user@127.0.0.1',
  'a\\b',
  'a b',
  'a\0b',
  '/var/run/postgresql',
  './socket',
  'unix:/run/x.sock',
  'http://127.0.0.1',
  'a..b',
];

const PUBLIC = [
  '93.184.216.34',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '169.253.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '[2400:3200::1]',
  'data.example.gov.cn',
  '数据.example.cn',
  'example.cn.',
];

describe('addresses as written', () => {
  const network = createNetwork({ allowed: [] });

  test.each(INTERNAL)('%s are refused in every notation', (_what, hosts) => {
    for (const host of hosts) expect([host, codeFrom(() => network.check(host))]).toEqual([host, REFUSED.code]);
  });

  test('what is no host, such as the path of a socket, is refused', () => {
    for (const host of NO_HOST) expect([host, codeFrom(() => network.check(host))]).toEqual([host, REFUSED.code]);
  });

  test('public machines are admitted', () => {
    for (const host of PUBLIC) expect([host, codeFrom(() => network.check(host))]).toEqual([host, undefined]);
  });

  test('connecting refuses just what checking does', async () => {
    for (const host of [...INTERNAL.flatMap(([, hosts]) => hosts), ...NO_HOST]) {
      await expect(network.connect({ host, port: 9 })).rejects.toMatchObject(REFUSED);
      await expect(network.connectTls({ host, port: 9 })).rejects.toMatchObject(REFUSED);
    }
  });
});

describe('what the operator allows', () => {
  test('is reached in every notation, and nothing beside it', () => {
    const network = createNetwork({ allowed: ['10.20.0.0/16', '192.168.1.5', 'fd12::/32'] });
    for (const host of ['10.20.3.4', '0x0a140304', '::ffff:10.20.3.4', '192.168.1.5', 'fd12:0:1::1'])
      expect([host, codeFrom(() => network.check(host))]).toEqual([host, undefined]);
    for (const host of ['10.21.0.1', '192.168.1.6', 'fd13::1', '64:ff9b::10.20.3.4', '2002:0a14:0304::1'])
      expect([host, codeFrom(() => network.check(host))]).toEqual([host, REFUSED.code]);
  });

  test('a range does not allow the metadata service inside it', () => {
    const wide = createNetwork({ allowed: ['100.64.0.0/10', '169.254.0.0/16', 'fd00::/8', '0.0.0.0/0', '::/0'] });
    for (const host of ['100.100.100.200', '169.254.169.254', 'fd00:ec2::254', '168.63.129.16'])
      expect([host, codeFrom(() => wide.check(host))]).toEqual([host, REFUSED.code]);
    expect(codeFrom(() => wide.check('100.100.100.201'))).toBeUndefined();
    const named = createNetwork({ allowed: ['169.254.169.254'] });
    expect(codeFrom(() => named.check('169.254.169.254'))).toBeUndefined();
  });

  test.each(['localhost', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/x', '', '10.1', 'fe80::1%eth0'])(
    'says so when it is no address: %j',
    (entry) => {
      expect(codeFrom(() => createNetwork({ allowed: [entry] }))).toBe('connector.config-invalid');
    },
  );
});

describe('addresses as DNS answers', () => {
  let dns: DnsServer;
  beforeAll(async () => {
    dns = await startDns();
  });
  afterAll(() => dns.close());

  test.each(['localhost', 'LOCALHOST', 'localhost.', 'app.localhost'])('the name %s is refused', async (host) => {
    dns.answers = { localhost: [['127.0.0.1']], 'app.localhost': [['127.0.0.1']] };
    const network = createNetwork({ allowed: [], resolve: dns.resolve });
    await expect(network.connect({ host, port: 9 })).rejects.toMatchObject(REFUSED);
  });

  test('the machine’s own lookup of localhost is refused too', async () => {
    await expect(createNetwork({ allowed: [] }).connect({ host: 'localhost', port: 9 })).rejects.toMatchObject(REFUSED);
  });

  test.each(INTERNAL.map(([what, hosts]) => [what, hosts.filter((host) => isIP(host) !== 0)]))(
    'a name that answers with %s is refused, also when only one of its answers is internal',
    async (_what, addresses) => {
      const network = createNetwork({ allowed: [], resolve: dns.resolve });
      for (const address of addresses as string[]) {
        dns.answers = { 'inner.test': [[address]], 'mixed.test': [['93.184.216.34', address]] };
        for (const host of ['inner.test', 'mixed.test'])
          await expect(network.connect({ host, port: 9 })).rejects.toMatchObject(REFUSED);
      }
    },
  );
});
