import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Harness, startHarness } from './harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ SONGHUA_S3_ENDPOINT: 'http://127.0.0.1:1' });
}, 60_000);
afterAll(() => harness.stop());

const get = async (path: string): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(new URL(path, harness.url));
  return { status: response.status, body: await response.json() };
};

test('a service whose object store is away lives, is not ready, and says which engine it is', async () => {
  const engines = { postgres: 'ok', kafka: 'ok', 'object-store': 'object.unavailable', temporal: 'ok' };
  expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, engines } });
  expect(await get('/readyz?exclude=kafka')).toMatchObject({ status: 503 });
  expect(await get('/readyz?exclude=kafka&exclude=object-store')).toEqual({
    status: 200,
    body: { ready: true, engines },
  });
  expect(await get('/healthz')).toMatchObject({ status: 200 });
});
