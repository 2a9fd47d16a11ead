import { anyPort, isFree } from '../ports.js';

/** A port of loopback that nobody listens on now, and that no outgoing connection takes. */
export async function freePort(): Promise<number> {
  const port = await anyPort(isFree);
  if (port === undefined) throw new Error('no port of loopback is free');
  return port;
}
