import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ports that operating systems give to outgoing connections (32768 on Linux, 49152 elsewhere): one of those could take the port of a
// process that is down for a moment, and keep it down.
const FIRST = 20_000;
const LAST = 32_767;
const TRIES = 100;

/** Whether a server could listen on loopback at `port` now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first of some ports, chosen by chance among those that no outgoing connection takes, that `take` takes; undefined: it takes none. */
export async function anyPort(take: (port: number) => Promise<boolean>): Promise<number | undefined> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = randomInt(FIRST, LAST + 1);
    if (await take(port)) return port;
  }
  return undefined;
}
