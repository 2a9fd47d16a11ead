import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ports that operating systems give to outgoing connections (32768 on Linux, 49152 elsewhere): one of those could take the port of a
// process that is down for a moment, and keep it down.
const FIRST = 20_000;
const LAST = 32_767;
const TRIES = 100;

/** A port of loopback that nobody listens on now, and that no outgoing connection takes. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${TRIES} ports between ${FIRST} and ${LAST} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
