import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { sourceError } from '@songhua/connector-sdk';
import type { SonghuaError } from '@songhua/domain';

// Loopback, private, link-local (cloud metadata), shared, benchmark, documentation, multicast and reserved ranges of IPv4 and IPv6.
const INTERNAL: [string, number, 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

export interface AddressGuard {
  /** Throws `connector.address-refused` for a host that is written as an address that may not be reached. */
  check(host: string): void;
  /** DNS lookup that fails when any answer may not be reached, so that rebinding between check and connect is impossible. */
  lookup: LookupFunction;
}

/**
 * Keeps connectors away from internal addresses, except those in `allowed` (addresses or CIDR ranges; departments' systems are often
 * on a private network that the operator names).
 */
export function createAddressGuard(allowed: string[]): AddressGuard {
  const internal = new BlockList();
  for (const range of INTERNAL) internal.addSubnet(...range);
  const permitted = new BlockList();
  for (const range of allowed) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0)
      throw sourceError(
        'connector.config-invalid',
        `allowed address ${range} is not an IP address or CIDR range; correct it`,
      );
    if (bits === undefined) permitted.addAddress(address, family);
    else permitted.addSubnet(address, Number(bits), family);
  }

  const refusal = (address: string, host: string): SonghuaError | undefined => {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (permitted.check(address, family) || !internal.check(address, family)) return undefined;
    return sourceError(
      'connector.address-refused',
      `${host} is an internal address (${address}), which connectors may not reach; the operator can allow it in SONGHUA_NETWORK_ALLOW`,
    );
  };

  return {
    check(host) {
      const address = host.replace(/^\[|\]$/g, '');
      const problem = isIP(address) === 0 ? undefined : refusal(address, host);
      if (problem) throw problem;
    },
    lookup: (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
        if (error) return callback(error, '', 0);
        const problem = addresses
          .map((answer) => refusal(answer.address, hostname))
          .find((found) => found !== undefined);
        if (problem) return callback(problem as NodeJS.ErrnoException, '', 0);
        if (options.all) return callback(null, addresses);
        const [first] = addresses;
        return callback(null, first?.address ?? '', first?.family);
      });
    },
  };
}
