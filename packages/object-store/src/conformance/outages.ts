import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { reasonOf } from '@songhua/domain';
import { failure, TEXT, textOf, useStore } from './fixture.js';
import type { CreateStore } from './index.js';

const SILENCE_MS = 300;

export function testOutages(name: string, create: CreateStore): void {
  describe(`${name}: outages`, () => {
    const { store, key, path } = useStore(create);

    test('a store that is down is object.unavailable, retryable, for every call', async () => {
      const endpoint = await withServer(
        () => undefined,
        async (address) => address,
      );
      const down = create({ endpoint });
      const calls: (() => Promise<unknown>)[] = [
        () => down.put(key('x'), Buffer.from('x'), TEXT),
        () => down.putIfAbsent(key('x'), Buffer.from('x'), TEXT),
        () => down.read(key('x')),
        () => down.readAll(key('x'), 10),
        () => down.download(key('x'), path('x')),
        () => down.stat(key('x')),
        () => down.list(key('x'))[Symbol.asyncIterator]().next(),
        () => down.delete([key('x')]),
        () => down.ensureBucket(),
      ];
      for (const call of calls) {
        const reason = reasonOf(await call().catch((error: unknown) => error));
        expect(reason).toMatchObject({ code: 'object.unavailable', retryable: true, actor: 'operator' });
        expect(reason.message).toContain(endpoint);
      }
    });

    test('a store that accepts and never answers fails a call instead of hanging it', async () => {
      await withServer(
        () => undefined,
        async (endpoint) => {
          const silent = create({ endpoint, silenceMs: SILENCE_MS });
          expect(await failure(silent.stat(key('x')))).toBe('object.unavailable');
          expect(await failure(silent.put(key('x'), Buffer.alloc(4 * 1024 * 1024), TEXT))).toBe('object.unavailable');
        },
      );
    });

    test('a body that stops in the middle fails the reader, and leaves no file', async () => {
      const stall: RequestListener = (_request, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('half');
      };
      await withServer(stall, async (endpoint) => {
        const stalls = create({ endpoint, silenceMs: SILENCE_MS });
        expect(await failure(stalls.readAll(key('x'), 1000))).toBe('object.unavailable');
        expect(await failure(textOf(await stalls.read(key('x'))))).toBe('object.unavailable');
        expect(await failure(stalls.download(key('x'), path('half')))).toBe('object.unavailable');
        await expect(access(path('half'))).rejects.toMatchObject({ code: 'ENOENT' });
      });
    });

    test('a body shorter than its Content-Length is a failure, never a short object', async () => {
      const cut: RequestListener = (_request, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('half', () => response.destroy());
      };
      await withServer(cut, async (endpoint) => {
        const cuts = create({ endpoint });
        expect(await failure(cuts.readAll(key('x'), 1000))).toBe('object.unavailable');
        expect(await failure(textOf(await cuts.read(key('x'))))).toBe('object.unavailable');
        expect(await failure(cuts.download(key('x'), path('cut')))).toBe('object.unavailable');
      });
    });

    test('answers of an overloaded store and of proxies are classified by what helps', async () => {
      const answers: [status: number, body: string, code: string][] = [
        [503, s3Error('SlowDown'), 'object.unavailable'],
        [500, s3Error('InternalError'), 'object.unavailable'],
        [502, '<html><body>Bad gateway</body></html>', 'object.unavailable'],
        [429, '', 'object.unavailable'],
        [507, s3Error('XMinioStorageFull'), 'object.full'],
        [403, s3Error('SignatureDoesNotMatch'), 'object.denied'],
        [404, s3Error('NoSuchBucket'), 'object.bucket-missing'],
        [400, s3Error('InvalidArgument'), 'object.rejected'],
        [404, '<html><body>Not found', 'object.rejected'],
      ];
      for (const [status, body, code] of answers)
        await withServer(
          (request, response) => {
            request.resume();
            request.on('end', () => response.writeHead(status).end(body));
          },
          async (endpoint) => {
            const answering = create({ endpoint });
            expect([status, await failure(answering.put(key('x'), Buffer.from('x'), TEXT))]).toEqual([status, code]);
            expect([status, await failure(answering.readAll(key('x'), 10))]).toEqual([status, code]);
          },
        );
    });

    test('wrong keys are object.denied, a missing bucket is object.bucket-missing, neither retryable', async () => {
      const stranger = create({ secretKey: 'not-the-secret' });
      const denied = reasonOf(await stranger.put(key('x'), Buffer.from('x'), TEXT).catch((error: unknown) => error));
      expect(denied).toMatchObject({ code: 'object.denied', retryable: false });
      const elsewhere = create({ bucket: 'songhua-no-such-bucket' });
      expect(await failure(elsewhere.readAll(key('x'), 10))).toBe('object.bucket-missing');
    });

    test('nobody answers a ping at a port where nothing is', async () => {
      expect(await failure(create({ endpoint: 'http://127.0.0.1:1' }).ping())).toBe('object.unavailable');
    });

    test('after an outage the same store object works again', async () => {
      const requests = { seen: 0 };
      const flaky: RequestListener = (request, response) => {
        request.resume();
        if (requests.seen++ < 1) response.destroy();
        else response.writeHead(200, { 'content-length': 2 }).end('ok');
      };
      await withServer(flaky, async (endpoint) => {
        const recovers = create({ endpoint });
        expect(await failure(recovers.readAll(key('x'), 10))).toBe('object.unavailable');
        expect((await recovers.readAll(key('x'), 10)).toString()).toBe('ok');
      });
      expect(await store().stat(key('no-such'))).toBeUndefined();
    });
  });
}

const s3Error = (code: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as asked</Message></Error>`;

/** Runs `work` against an HTTP server on loopback that is closed, with its connections, afterwards. */
async function withServer<T>(answer: RequestListener, work: (endpoint: string) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}
