import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { reasonOf } from '@songhua/domain';
import type { Registry } from './metrics.js';
import { type AskReadiness, answerReadiness } from './readiness.js';

export interface OpsServer {
  port: number;
  close(): Promise<void>;
}

/** `GET /healthz` (the process answers), `/readyz` (its engines answer), `/metrics` (Prometheus text). */
export async function startOpsServer(options: {
  host: string;
  port: number;
  metrics: Registry;
  ready: AskReadiness;
}): Promise<OpsServer> {
  const server: Server = createServer((request, response) => {
    const reply = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const failed = (error: unknown): void => reply(503, 'application/json', JSON.stringify(reasonOf(error)));
    const { url = '/' } = request;
    const path = url.split('?')[0];
    if (path === '/healthz') reply(200, 'application/json', '{"status":"ok"}');
    else if (path === '/readyz')
      answerReadiness(options.ready, url).then(
        ({ status, readiness }) => reply(status, 'application/json', JSON.stringify(readiness)),
        failed,
      );
    else if (path === '/metrics')
      options.metrics.metrics().then((text) => reply(200, options.metrics.contentType, text), failed);
    else
      reply(404, 'application/json', '{"code":"route.unknown","detail":"healthz, readyz and metrics are served here"}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
