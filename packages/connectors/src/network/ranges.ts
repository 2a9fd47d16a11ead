import { BlockList, isIP } from 'node:net';

// The IANA special-purpose registries: what is not a public machine, or holds an address that may be none.
const INTERNAL: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  // All but 2000::/3: loopback, mapped, compatible and translated IPv4, NAT64, unique local, link-local, site-local, multicast.
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  // Protocol assignments with Teredo, which holds IPv4 addresses.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 holds IPv4 addresses.
  ['2002::', 16],
  ['3fff::', 20],
];

// What clouds tell a machine about itself, credentials included: AWS, Azure, Alibaba, Oracle, Google.
const METADATA: string[] = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
];

// ISATAP: an IPv4 address in the last half of any IPv6 address.
const ISATAP = /:(?:0|200)?:5efe:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/;
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Addresses and ranges of both families, apart from each other: in one BlockList an IPv4 address is also in the ranges of mapped IPv6. */
export interface AddressSet {
  add(address: string, bits: number): void;
  has(address: string): boolean;
}

export function createAddressSet(): AddressSet {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  return {
    add(address, bits) {
      const family = familyOf(address);
      lists[family].addSubnet(address, bits, family);
    },
    has(address) {
      const family = familyOf(address);
      return lists[family].check(address, family);
    },
  };
}

/** Bits of a whole address. */
export const widthOf = (address: string): number => (familyOf(address) === 'ipv6' ? 128 : 32);

const internal = createAddressSet();
for (const [address, bits] of INTERNAL) internal.add(address, bits);
const metadata = createAddressSet();
for (const address of METADATA) metadata.add(address, widthOf(address));

/** What an address (canonical, see `canonicalHost`) is if it is not a public machine's. */
export function rangeOf(address: string): 'metadata' | 'internal' | undefined {
  if (metadata.has(address)) return 'metadata';
  return internal.has(address) || ISATAP.test(address) ? 'internal' : undefined;
}

// What would end the host in a URL, or be read as something else there; a backslash or blank is never part of one.
const NO_HOST = /[/?#@\\\s%]|\.\./;

/**
 * A host as people and sources write it → an IP address in canonical form or a name in ASCII; undefined for what is neither. Knows
 * every notation that a resolver would take for an address: decimal, octal, hex, short, full-width, mapped, in brackets, with a dot.
 */
export function canonicalHost(host: string): string | undefined {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const isV6 = bare.includes(':');
  if (NO_HOST.test(bare) || (isV6 && isIP(bare) !== 6)) return undefined;
  const written = `http://${isV6 ? `[${bare}]` : bare}/`;
  if (!URL.canParse(written)) return undefined;
  const { hostname } = new URL(written);
  if (!isV6) return hostname.replace(/\.$/, '');
  const address = hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}
