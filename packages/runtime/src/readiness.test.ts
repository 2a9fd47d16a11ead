import { expect, test } from '@jest/globals';
import { SonghuaError } from '@songhua/domain';
import { createMetrics } from './metrics.js';
import { startOpsServer } from './ops-server.js';
import { createReadiness } from './readiness.js';

const away = (): Promise<never> =>
  Promise.reject(new SonghuaError('messaging.unavailable', 'asking 10.0.0.7:9092: no answer', { retryable: true }));
const never = (): Promise<never> => new Promise(() => undefined);
const ok = async (): Promise<void> => undefined;

test('every engine is asked, and the answer names the one that is away, without where it is', async () => {
  expect(await createReadiness({ postgres: ok, kafka: ok })()).toEqual({
    ready: true,
    engines: { postgres: 'ok', kafka: 'ok' },
  });
  expect(await createReadiness({ postgres: ok, kafka: away })()).toEqual({
    ready: false,
    engines: { postgres: 'ok', kafka: 'messaging.unavailable' },
  });
});

test('an engine that says nothing holds nobody up, and is not asked again while it owes an answer', async () => {
  let asked = 0;
  const silent = (): Promise<never> => {
    asked++;
    return never();
  };
  const ask = createReadiness({ kafka: silent }, { patienceMs: 5, keptMs: 0 });
  for (let i = 0; i < 3; i++) expect(await ask()).toEqual({ ready: false, engines: { kafka: 'silent' } });
  expect(asked).toBe(1);
});

test('an engine that is back is told as soon as what was said before no longer stands', async () => {
  let answer: () => Promise<void> = away;
  const ask = createReadiness({ kafka: () => answer() }, { keptMs: 0 });
  expect((await ask()).ready).toBe(false);
  answer = ok;
  expect((await ask()).ready).toBe(true);
});

test('a thousand questions at once ask an engine once', async () => {
  let asked = 0;
  const ask = createReadiness({
    postgres: async () => {
      asked++;
    },
  });
  await Promise.all(Array.from({ length: 1_000 }, () => ask()));
  await ask();
  expect(asked).toBe(1);
});

test('/readyz is 503 while an engine is away unless it is excluded, and /healthz does not ask', async () => {
  const ready = createReadiness({ postgres: ok, kafka: away });
  const server = await startOpsServer({ host: '127.0.0.1', port: 0, metrics: createMetrics('test'), ready });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return { status: response.status, body: await response.json() };
  };
  try {
    const engines = { postgres: 'ok', kafka: 'messaging.unavailable' };
    expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, engines } });
    expect(await get('/readyz?exclude=kafka')).toEqual({ status: 200, body: { ready: true, engines } });
    expect(await get('/readyz?exclude=postgres')).toMatchObject({ status: 503 });
    expect(await get('/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
  } finally {
    await server.close();
  }
});
