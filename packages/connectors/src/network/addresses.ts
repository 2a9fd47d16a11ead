import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { sourceError } from '@songhua/connector-sdk';
import type { SonghuaError } from '@songhua/domain';
import { canonicalHost, createAddressSet, rangeOf, widthOf } from './ranges.js';

export interface AddressGuard {
  /**
   * The host as it is to be connected to: an address in canonical form or a name. Throws `connector.address-refused` for an address
   * that may not be reached, in any notation, and for what is no host, such as the path of a socket.
   */
  admit(host: string): string;
  /** DNS lookup that fails when any answer may not be reached; what it answers is what is connected to. */
  lookup: LookupFunction;
}

/** Keeps connectors away from internal addresses, except those in `allowed`; `resolve` is the DNS lookup behind it. */
export function createAddressGuard(allowed: string[], resolve: LookupFunction = systemLookup): AddressGuard {
  const permitted = permittedBy(allowed);
  const refusal = (address: string, host: string): SonghuaError | undefined => {
    const canonical = canonicalHost(address);
    if (canonical === undefined || isIP(canonical) === 0) return refused(host, 'has no address that can be checked');
    const range = rangeOf(canonical);
    if (range === undefined || permitted(canonical, range)) return undefined;
    const what = range === 'metadata' ? 'the metadata service of a cloud' : 'an internal address';
    return refused(host, `is ${what}, which connectors may not reach unless SONGHUA_NETWORK_ALLOW names it`, address);
  };
  return {
    admit(host) {
      const canonical = canonicalHost(host);
      if (canonical === undefined || canonical === '')
        throw refused(host, 'is no host name or IP address; name the machine without port, path or zone');
      const problem = isIP(canonical) === 0 ? undefined : refusal(canonical, host);
      if (problem) throw problem;
      return canonical;
    },
    lookup(hostname, options, callback) {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, '', 0);
        const addresses = found as LookupAddress[];
        const problem = addresses
          .map(({ address }) => refusal(address, hostname))
          .find((refusedAddress) => refusedAddress !== undefined);
        if (problem) return callback(problem as NodeJS.ErrnoException, '', 0);
        if (options.all) return callback(null, addresses);
        return callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
      });
    },
  };
}

const refused = (host: string, why: string, address?: string): SonghuaError =>
  sourceError('connector.address-refused', `${JSON.stringify(host.slice(0, 300))} ${why}`, {
    details: address === undefined ? {} : { address },
  });

/** Whether the operator allows an address. A range does not allow a metadata service in it: that must be named by itself. */
function permittedBy(allowed: string[]): (address: string, range: 'metadata' | 'internal') => boolean {
  const ranges = createAddressSet();
  const single = createAddressSet();
  for (const entry of allowed) {
    const [written = '', bits, ...more] = entry.trim().split('/');
    const address = isIP(written) === 0 ? undefined : canonicalHost(written);
    const width = address === undefined ? 0 : bits === undefined ? widthOf(address) : Number(bits || Number.NaN);
    if (
      address === undefined ||
      more.length > 0 ||
      !(Number.isInteger(width) && width >= 0 && width <= widthOf(address))
    )
      throw sourceError(
        'connector.config-invalid',
        `allowed address ${JSON.stringify(entry)} is not an IP address or CIDR range such as 10.20.0.0/16; correct it`,
      );
    (width === widthOf(address) ? single : ranges).add(address, width);
  }
  return (address, range) => single.has(address) || (range === 'internal' && ranges.has(address));
}
