import { createHash } from 'node:crypto';
import { describe } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { testConnector } from '@songhua/connector-sdk/conformance';
import { createHttpConnector, createNetwork } from '../src/index.js';
import { startServer } from './http-server.js';

// A document is compared by its validators and content, pages by their rows: two ways of reading, one conformance.
describe.each([
  ['one document', {}],
  ['pages', { pagination: { type: 'link' } }],
])('%s', (_what, more) => {
  testConnector(async () => {
    let content: string | undefined;
    const server = await startServer((request, response) => {
      if (content === undefined) return void response.writeHead(404).end('nothing here');
      const etag = `"${createHash('sha256').update(content).digest('hex')}"`;
      if (request.headers['if-none-match'] === etag) return void response.writeHead(304).end();
      return void response.writeHead(200, { etag, 'content-type': 'text/csv' }).end(content);
    });
    const connector = createHttpConnector();
    return {
      connector: connector as Connector,
      config: { url: `${server.url}/source.csv`, ...more },
      network: createNetwork({ allowed: ['127.0.0.1'] }),
      async write(csv) {
        content = csv;
      },
      async remove() {
        content = undefined;
      },
      async close() {
        await connector.close();
        await server.close();
      },
    };
  });
});
