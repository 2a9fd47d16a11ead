import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createHttpConnector, type HttpConnector } from '../src/index.js';
import { rowsFrom, startApi, type TestApi } from './http-api.js';
import { type ReadOnceOptions, readOnce, rowsOf } from './reading.js';

let api: TestApi;
let connector: HttpConnector;
beforeEach(async () => {
  api = await startApi(() => ({ status: 404 }));
  connector = createHttpConnector();
});
afterEach(async () => {
  await connector.close();
  await api.close();
});

const read = (config: Record<string, unknown> = {}, options: ReadOnceOptions = {}) =>
  readOnce(connector, { url: `${api.url}/data`, ...config }, options);
const page = (at: number) => (at <= 3 ? rowsFrom(at * 10, 2) : []);

test.each([429, 503])('status %i with Retry-After is waited for, amid pages too', async (status) => {
  const times: number[] = [];
  api.answer = ({ query }) => {
    const at = Number(query.get('page'));
    times.push(Date.now());
    return at === 2 && times.length === 2 ? { status, headers: { 'retry-after': '1' } } : { body: page(at) };
  };
  expect(rowsOf(await read({ pagination: { type: 'page' } }))).toHaveLength(6);
  expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(990);
});

test('a Retry-After that is a date is waited for', async () => {
  const until = Date.now() + 2000;
  api.answer = () =>
    api.asked.length === 1
      ? { status: 429, headers: { 'retry-after': new Date(until).toUTCString() } }
      : { body: page(1) };
  await read();
  expect(Date.now()).toBeGreaterThanOrEqual(Math.floor(until / 1000) * 1000 - 10);
});

test('a date is waited for by the clock of the server that says it', async () => {
  const theirs = Date.now() - 3_600_000;
  api.answer = () =>
    api.asked.length === 1
      ? {
          status: 429,
          headers: { date: new Date(theirs).toUTCString(), 'retry-after': new Date(theirs + 2_000).toUTCString() },
        }
      : { body: page(1) };
  const started = Date.now();
  await read();
  expect(Date.now() - started).toBeGreaterThanOrEqual(1_990);
});

test.each([
  ['the time limit', '30', 5_000],
  ['what a sync may sleep', '301', 3_600_000],
  ['any time', '999999999', 3_600_000],
])('a source that asks to wait longer than %s is left, and says how long', async (_what, asked, timeoutMs) => {
  api.answer = () => ({ status: 429, headers: { 'retry-after': asked } });
  const started = Date.now();
  await expect(read({}, { timeoutMs })).rejects.toMatchObject({
    code: 'source.rate-limited',
    actor: 'department',
    retryable: true,
    details: { retryAfterSeconds: Number(asked) },
  });
  expect(api.asked).toHaveLength(1);
  // Less than any of the waits, however busy the machine is.
  expect(Date.now() - started).toBeLessThan(5_000);
});

test('a source that never lets anybody in is not asked for ever', async () => {
  api.answer = () => ({ status: 429, headers: { 'retry-after': '0' } });
  await expect(read()).rejects.toMatchObject({ code: 'source.rate-limited' });
  expect(api.asked).toHaveLength(6);
});

test('an aborted wait ends at once', async () => {
  const abort = new AbortController();
  api.answer = () => {
    setImmediate(() => abort.abort());
    return { status: 429, headers: { 'retry-after': '20' } };
  };
  const started = Date.now();
  await expect(read({}, { signal: abort.signal })).rejects.toMatchObject({ code: 'source.aborted' });
  expect(Date.now() - started).toBeLessThan(10_000);
});

test('no more requests a second are made than the config says', async () => {
  const times: number[] = [];
  api.answer = ({ query }) => {
    times.push(Date.now());
    return { body: page(Number(query.get('page'))) };
  };
  await read({ pagination: { type: 'page' }, requestsPerSecond: 10 });
  expect(times).toHaveLength(4);
  // Three gaps of 100 ms, less what the first request may have been on its way beside other suites.
  expect((times[3] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(200);
});

test('so few requests a second that the time limit passes end as rate-limited', async () => {
  api.answer = ({ query }) => ({ body: page(Number(query.get('page'))) });
  await expect(
    read({ pagination: { type: 'page' }, requestsPerSecond: 0.1 }, { timeoutMs: 2_000 }),
  ).rejects.toMatchObject({ code: 'source.rate-limited', details: { retryAfterSeconds: 10 } });
});
