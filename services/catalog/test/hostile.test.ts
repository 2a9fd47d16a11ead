import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ask as askOf, operations, PARAMETER } from './asking.js';
import { type Harness, startHarness } from './harness.js';
import { publishRows, register } from './publish.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
  await register(harness, 'alpha');
  await publishRows(harness, 'alpha', [[1, 'a']]);
}, 60_000);
afterAll(() => harness.stop());

const ask = (method: string, path: string, body?: string) => askOf(harness, method, path, body);
const HOSTILE = [
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e%2f',
  '%252e%252e%252f',
  'a%00b',
  'x'.repeat(300),
  'e%CC%81t',
  '%C3%A9t',
  'a%0Ab',
  "'%20or%201=1--",
];

test('names and ids that nobody can have are refused with 400 on every route', async () => {
  const wrong: unknown[] = [];
  for (const { method, path } of await operations(harness)) {
    if (path.search(PARAMETER) < 0) continue;
    for (const id of HOSTILE) {
      const answer = await ask(method, path.replace(PARAMETER, id), method === 'POST' ? '{}' : undefined);
      if (answer.status !== 400) wrong.push({ method, path, id, ...answer });
    }
  }
  expect(wrong).toEqual([]);
}, 60_000);

test('a NUL in any parameter of a query is refused with 400, wherever it would have gone', async () => {
  const wrong: unknown[] = [];
  for (const { method, path, queries } of await operations(harness))
    for (const name of queries) {
      const asked = `${path.replace(PARAMETER, '1')}?${name}=a%00`;
      const answer = await ask(method, asked, method === 'POST' ? '{}' : undefined);
      if (answer.status !== 400) wrong.push({ method, asked, ...answer });
    }
  expect(wrong).toEqual([]);
  expect((await ask('GET', '/api/v1/datasets/alpha/rows?id=%00')).status).toBe(400);
});

test('a NUL or half a character in a body is refused with the field that holds it', async () => {
  const make = (title: string) => ask('POST', '/api/v1/keys', JSON.stringify({ title, role: 'portal' }));
  for (const title of ['a\0b', 'a\ud800']) expect(await make(title)).toEqual({ status: 400, code: 'request.invalid' });
  const pause = ask('POST', '/api/v1/connectors/alpha-files:pause', JSON.stringify({ reason: 'a\0' }));
  expect(await pause).toEqual({ status: 400, code: 'request.invalid' });
});

test('a body that is nested without end is refused, and the service goes on', async () => {
  const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
  const document = `[{"apiVersion":"songhua/v1","kind":"Connector","metadata":{"name":"x"},"spec":{"dataset":"alpha","kind":"file","config":${deep}}}]`;
  expect(await ask('POST', '/api/v1/resources:apply', document)).toEqual({ status: 400, code: 'request.invalid' });
  expect(await ask('GET', '/healthz')).toMatchObject({ status: 200 });
}, 30_000);
