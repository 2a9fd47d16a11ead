import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SyncProgress } from '@songhua/contracts';

export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

/** Answers one request in any way that HTTP, or the network below it, allows. */
export type Answer = (response: ServerResponse, asked: Asked) => void;

export interface ScriptedApi {
  url: string;
  asked: Asked[];
  /** Takes no more connections, as a service that is being restarted. */
  down(): Promise<void>;
  /** Takes them again, at the same address. */
  up(): Promise<void>;
}

export const json =
  (document: unknown, status = 200): Answer =>
  (response) => {
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(document));
  };
export const problem = (status: number, code: string): Answer =>
  json({ type: `urn:${code}`, title: code, status, code, detail: `it is ${code}` }, status);
/** What a proxy says by itself. */
export const gateway =
  (status: number): Answer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>no</h1>');
export const reset: Answer = (response) => void response.socket?.resetAndDestroy();
export const brokenOff: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 }).write('{"request":');
  response.socket?.end();
};

export const progressOf = (part: Partial<SyncProgress> = {}): SyncProgress => ({
  request: 'r1',
  total: 1,
  queued: 0,
  reading: 0,
  landing: 0,
  landed: 0,
  refreshing: 0,
  published: 0,
  unchanged: 0,
  held: 0,
  failed: 0,
  rows: 10,
  rejected: 0,
  unannounced: 0,
  requestedSeconds: 1,
  readingSeconds: 1,
  stages: { read: 1, refresh: 1, announce: 1 },
  failures: [],
  holds: [],
  troubles: [],
  slowest: [],
  ...part,
});

/** An HTTP server that answers what `next` says for each request, in the order in which they come. */
export async function startScripted(next: (asked: Asked) => Answer): Promise<ScriptedApi> {
  const asked: Asked[] = [];
  let server: Server | undefined;
  let port = 0;
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const one = { method: request.method ?? '', path: request.url ?? '', body: text && JSON.parse(text) };
      asked.push(one);
      next(one)(response, one);
    });
  };
  const up = async (): Promise<void> => {
    const started = createServer(take);
    await new Promise<void>((listening) => started.listen(port, '127.0.0.1', listening));
    server = started;
    port = (started.address() as AddressInfo).port;
  };
  await up();
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    up,
    async down() {
      const stopped = server;
      server = undefined;
      if (!stopped) return;
      const closed = new Promise((done) => stopped.close(done));
      stopped.closeAllConnections();
      await closed;
    },
  };
}
