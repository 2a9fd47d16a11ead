import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { z } from 'zod';
import { infraError } from '../errors.js';
import { readJson, writeJson } from '../files.js';
import { claimPort } from './port-claims.js';

const HOST = '127.0.0.1';
// Below the ports that operating systems give to outgoing connections (32768 on Linux, 49152 elsewhere): one of those could take the port of a
// process that is down for a moment, and keep it down.
const [FIRST, LAST] = [20_000, 32_767];
const TRIES = 100;
const portsSchema = z.record(z.string(), z.int().min(1).max(65_535));

/** Whether a server could listen on loopback at `port` now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

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
      let port = (await claim(remembered[name])) ?? (await claim(wellKnown));
      for (let tried = 0; port === undefined && tried < TRIES; tried++) port = await claim(randomInt(FIRST, LAST + 1));
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
