import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import { type Network, sourceError, type Target, throwIfAborted } from '@songhua/connector-sdk';
import { createAddressGuard } from './addresses.js';
import { connectError } from './errors.js';

const CONNECT_MS = 10_000;
// Node's own 250 ms gives up on machines across a slow line when a name has several addresses.
const ATTEMPT_MS = 2_000;

export interface NetworkOptions {
  /** Internal addresses and CIDR ranges that may be reached; departments' systems are often on a private network. */
  allowed: string[];
  /** The DNS lookup, the machine's own when absent; its answers are checked all the same. */
  resolve?: LookupFunction;
}

/** The network that connectors see. Every connection begins here: what was checked is what is connected to. */
export function createNetwork({ allowed, resolve }: NetworkOptions): Network {
  const guard = createAddressGuard(allowed, resolve);
  const tcp = (target: Target, host: string): Promise<Socket> =>
    settled(
      target,
      () =>
        connectTcp({
          host,
          port: target.port,
          lookup: guard.lookup,
          autoSelectFamily: true,
          autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
        }),
      'connect',
    );
  return {
    check: (host) => void guard.admit(host),
    lookup: guard.lookup,
    async connect(target) {
      return tcp(target, guard.admit(target.host));
    },
    async connectTls(target) {
      const host = guard.admit(target.host);
      const name = target.serverName ?? host;
      const socket = await tcp(target, host);
      return settled(
        target,
        () =>
          connectTls({
            socket,
            // The certificate must name it; an address is not allowed as server name in the handshake.
            host: name,
            ...(isIP(name) === 0 ? { servername: name } : {}),
            minVersion: 'TLSv1.2',
            // Said although it is the default, because NODE_TLS_REJECT_UNAUTHORIZED would otherwise turn it off for all.
            rejectUnauthorized: true,
            ...(target.ca === undefined ? {} : { ca: [...rootCertificates, target.ca] }),
          }),
        'secureConnect',
      );
    },
  };
}

/** What `open` opens once it is `ready`; closed again when that fails, takes too long or is not wanted any more. */
function settled<T extends Socket | TLSSocket>(target: Target, open: () => T, ready: string): Promise<T> {
  const { host, port, signal, timeoutMs = CONNECT_MS } = target;
  if (signal) throwIfAborted(signal);
  return new Promise((resolve, reject) => {
    const socket = open();
    const fail = (error: unknown): void => {
      done();
      // A late error of a socket that is given up must not end the process.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(connectError(error, `${host}:${port}`));
    };
    const onAbort = (): void => fail(aborted(signal));
    const onClose = (): void => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    const timer = setTimeout(() => fail(tooSlow(target, timeoutMs)), timeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', fail).removeListener('close', onClose);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', fail);
    socket.once('close', onClose);
    socket.once(ready, () => {
      done();
      resolve(socket);
    });
  });
}

const tooSlow = ({ host, port }: Target, timeoutMs: number): unknown =>
  sourceError('source.timeout', `${host}:${port} did not answer within ${timeoutMs} ms; it is tried again`);

function aborted(signal: AbortSignal | undefined): unknown {
  try {
    if (signal) throwIfAborted(signal);
  } catch (error) {
    return error;
  }
  return undefined;
}
