import { type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Network } from '@songhua/connector-sdk';

export interface AgentOptions {
  /** https; otherwise http. */
  tls: boolean;
  /** PEM of the private CA that the server's certificate is of. */
  ca?: string;
}

// As many as the clients of object stores open by themselves.
const MAX_SOCKETS = 8;

// A server that sends nothing for this long is hanging; a whole read has its own, longer limit.
const SILENCE_MS = 30_000;

const silent = (): Error => Object.assign(new Error(`no byte for ${SILENCE_MS / 1000} s`), { code: 'ETIMEDOUT' });

type Opened = (error: Error | null, socket?: Duplex) => void;

/** An agent for libraries that bring their own HTTP client: every connection is made through `network`. */
export function createAgent(network: Network, { tls, ca }: AgentOptions): HttpAgent | HttpsAgent {
  const agent = tls ? new HttpsAgent(LIMITS) : new HttpAgent(LIMITS);
  return Object.assign(agent, {
    createConnection(request: ClientRequestArgs & { servername?: string }, opened: Opened): undefined {
      const host = request.host ?? request.hostname ?? '';
      const target = { host, port: Number(request.port ?? (tls ? 443 : 80)) };
      const socket = tls
        ? network.connectTls({ ...target, ...(ca === undefined ? {} : { ca }) })
        : network.connect(target);
      socket.then(
        (connected) => {
          connected.setTimeout(SILENCE_MS, () => connected.destroy(silent()));
          opened(null, connected);
        },
        (error: Error) => opened(error),
      );
    },
  });
}

const LIMITS = { keepAlive: true, maxSockets: MAX_SOCKETS };
