import { anyPort, isFree } from '@songhua/runtime/ports';
import { z } from 'zod';
import { infraError } from '../errors.js';
import { readJson, writeJson } from '../files.js';
import { claimPort } from './port-claims.js';

const portsSchema = z.record(z.string(), z.int().min(1).max(65_535));

/** Hands out ports by name: the one remembered, else the well-known one, else any free one; remembers what it gave. */
export interface PortBook {
  /** `wellKnown` 0: any. */
  take(name: string, wellKnown: number): Promise<number>;
}

/** @param path JSON file `{name: port}`; survives restarts, so that addresses people have bookmarked stay. */
export function createPortBook(path: string): PortBook {
  const remembered = portsSchema.catch({}).parse(readJson(path) ?? {});
  const given = new Set<number>();
  const claim = async (port: number | undefined): Promise<number | undefined> => {
    if (port === undefined || port === 0 || given.has(port)) return undefined;
    // Claimed before the check, because several engines ask at once.
    given.add(port);
    if (claimPort(port) && (await isFree(port))) return port;
    given.delete(port);
    return undefined;
  };
  return {
    take: async (name, wellKnown) => {
      const port =
        (await claim(remembered[name])) ??
        (await claim(wellKnown)) ??
        (await anyPort(async (one) => (await claim(one)) !== undefined));
      if (port === undefined)
        throw infraError('port.none-free', `no free port for ${name} on 127.0.0.1`, { retryable: true });
      if (remembered[name] !== port) {
        remembered[name] = port;
        writeJson(path, remembered);
      }
      return port;
    },
  };
}
