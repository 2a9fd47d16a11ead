import type { Network } from '@songhua/connector-sdk';
import { createNetwork } from '@songhua/connectors';

/** The network that the connectors of a department see. */
export type NetworkOf = (department: string) => Network;

/** `allowed`: addresses or CIDR ranges for all, or `department=address` for one department. Throws `connector.config-invalid`. */
export function createNetworks(allowed: string[]): NetworkOf {
  const entries = allowed.map((entry) => {
    const at = entry.indexOf('=');
    return { department: at < 0 ? undefined : entry.slice(0, at).trim(), address: entry.slice(at + 1).trim() };
  });
  const of = (department: string | undefined): Network =>
    createNetwork({
      allowed: entries
        .filter((entry) => entry.department === undefined || entry.department === department)
        .map(({ address }) => address),
    });
  const common = of(undefined);
  const own = new Map(
    entries.flatMap(({ department }) => (department === undefined ? [] : [[department, of(department)]])),
  );
  return (department) => own.get(department) ?? common;
}
