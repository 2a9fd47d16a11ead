import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServer {
  url: string;
  /** What answers from now on. */
  handler: Handler;
  requests: IncomingMessage[];
  close(): Promise<void>;
}

/** A real HTTP server on loopback whose behaviour a test sets. */
export async function startServer(handler: Handler = (_request, response) => response.end()): Promise<TestServer> {
  const state: TestServer = { url: '', handler, requests: [], close: async () => undefined };
  const server: Server = createServer((request, response) => {
    state.requests.push(request);
    state.handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  state.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return state;
}
