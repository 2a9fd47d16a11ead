import { afterEach, expect, test } from '@jest/globals';
import { waitFor } from '@songhua/runtime/testing';
import { songhua } from './run.js';
import { type Answer, json, progressOf, type ScriptedApi, startScripted } from './scripted-api.js';

let api: ScriptedApi | undefined;
afterEach(() => api?.down());

/** An API on which everything that is asked for is claimed, and is as far as `now` says. */
async function claiming(now: () => Answer): Promise<ScriptedApi> {
  api = await startScripted(({ method, body }) => {
    const { request } = body as { request?: string };
    return method === 'POST' ? json({ request, syncs: [{ sync: 'sy_1', connector: 'c' }] }, 202) : now();
  });
  return api;
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s while waiting tells the request and the command that comes back to it, and exits with %d',
  async (signal, code) => {
    const { url, asked } = await claiming(() => json(progressOf({ reading: 1 })));
    const { child, told, exit } = songhua(url, 'sync', '--all', '--wait');
    await waitFor('it to wait', async () => asked.length > 1);
    child.kill(signal);
    expect(await exit).toBe(code);
    const [claim] = asked;
    const { request } = (claim?.body ?? {}) as { request?: string };
    expect(request).toMatch(/^[0-9a-f-]{36}$/);
    expect(told.stderr).toContain(`songhua syncs wait ${request}`);
  },
);

test.each([
  [{ published: 1 }, 0],
  [{ failed: 1 }, 1],
  [{ held: 1 }, 3],
])('coming back to a request tells the same as waiting for it, and exits alike: %j', async (how, code) => {
  const { url } = await claiming(() => json(progressOf(how)));
  const waited = songhua(url, 'sync', 'c', '--wait', '--request', 'r1');
  const cameBack = songhua(url, 'syncs', 'wait', 'r1');
  expect([await waited.exit, await cameBack.exit]).toEqual([code, code]);
  expect(cameBack.told.stdout).toBe(waited.told.stdout);
  expect(waited.told.stdout).toContain('rows 10');
});
