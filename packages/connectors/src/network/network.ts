import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import { type Network, sourceError, type Target, throwIfAborted } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';
import { createAddressGuard } from './addresses.js';

const CONNECT_MS = 10_000;

/**
 * The network that connectors see: internal addresses are refused unless they are in `allowed` (addresses or CIDR ranges that the
 * operator names; departments' systems are often on a private network).
 */
export function createNetwork(options: { allowed: string[] }): Network {
  const guard = createAddressGuard(options.allowed);
  const tcp = (target: Target): Promise<Socket> =>
    settled(target, () => connectTcp({ host: bare(target.host), port: target.port, lookup: guard.lookup }), 'connect');
  return {
    check: guard.check,
    lookup: guard.lookup,
    connect(target) {
      guard.check(target.host);
      return tcp(target);
    },
    async connectTls(target) {
      guard.check(target.host);
      const socket = await tcp(target);
      const name = target.serverName ?? bare(target.host);
      return settled(
        target,
        () =>
          connectTls({
            socket,
            // A server name that is an address is not allowed in the handshake, but the certificate must still name it.
            ...(isIP(name) === 0
              ? { servername: name }
              : { host: name, checkServerIdentity: (_, peer) => checkServerIdentity(name, peer) }),
            minVersion: 'TLSv1.2',
            ...(target.ca === undefined ? {} : { ca: [...rootCertificates, target.ca] }),
          }),
        'secureConnect',
      );
    },
  };
}

/** `[::1]` as URLs write it. */
const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

function settled<T extends Socket | TLSSocket>(target: Target, open: () => T, ready: string): Promise<T> {
  const { host, port, signal, timeoutMs = CONNECT_MS } = target;
  if (signal) throwIfAborted(signal);
  const limit = AbortSignal.timeout(timeoutMs);
  const stop = signal ? AbortSignal.any([signal, limit]) : limit;
  return new Promise((resolve, reject) => {
    const socket = open();
    const fail = (error: unknown): void => {
      stop.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(connectError(error, `${host}:${port}`));
    };
    const onAbort = (): void => {
      fail(signal?.aborted ? aborted(signal) : tooSlow(target, timeoutMs));
    };
    stop.addEventListener('abort', onAbort, { once: true });
    socket.once('error', fail);
    socket.once(ready, () => {
      stop.removeEventListener('abort', onAbort);
      socket.removeListener('error', fail);
      resolve(socket);
    });
  });
}

const tooSlow = ({ host, port }: Target, timeoutMs: number): unknown =>
  sourceError('source.timeout', `${host}:${port} did not answer within ${timeoutMs} ms; it is tried again`);

function aborted(signal: AbortSignal): unknown {
  try {
    throwIfAborted(signal);
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Says of a failed connection whose it is: a refused address, a certificate, or a machine that is not there. */
export function connectError(error: unknown, where: string): unknown {
  const code = codeOf(error) ?? '';
  if (/^(source|connector)\./.test(code)) return error;
  if (isTlsError(code))
    return sourceError(
      'source.refused',
      `${where} has no valid TLS certificate or speaks only TLS older than 1.2 (${code}); its server must be put right, or its private CA given`,
      { cause: error },
    );
  return sourceError(
    'source.unreachable',
    `${where} cannot be reached (${code || 'no code'}); check address and network`,
    {
      cause: error,
    },
  );
}

/** Codes that OpenSSL and Node give to certificates and handshakes. */
export const isTlsError = (code: string): boolean =>
  /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_MISMATCH)/.test(code);
