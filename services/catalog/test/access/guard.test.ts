import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AuditRepository } from '@songhua/catalog';
import { ACTION_NAMES, type Action, ANONYMOUS, dependsOnDepartment, type Principal } from '@songhua/domain';
import { createLogger, createMetrics } from '@songhua/runtime';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { guard } from '../../src/access/guard.js';
import { createRefusals } from '../../src/access/refusals.js';
import { type Harness, startHarness } from '../harness.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness.stop());

const guarded = (): FastifyInstance => {
  const app = fastify();
  guard(app, {
    access: harness.catalog.access,
    authenticate: async () => ANONYMOUS,
    refusals: { note: async () => undefined },
  });
  return app;
};

test('a route that does not say who may call it keeps the service from starting', () => {
  expect(() => guarded().get('/forgotten', () => 'x')).toThrow(/GET \/forgotten does not say who may call it/);
  expect(() => guarded().get('/forgotten', { config: {} }, () => 'x')).toThrow(/does not say/);
});

test('a route that a department may call for its own must say whose things it touches', () => {
  for (const access of ACTION_NAMES) {
    const add = () => guarded().get('/x', { config: { access } }, () => 'x');
    if (dependsOnDepartment(access)) expect(add).toThrow(/does not say whose/);
    else expect(add).not.toThrow();
  }
});

test('every action of the policy is known to be of some use: a route declares it', () => {
  // Declared ahead of the routes that will need them.
  const planned: Action[] = ['ingest.push', 'quarantine.replay', 'hold.decide'];
  const used = new Set([...harness.routes.map((route) => route.access), ...planned]);
  expect(ACTION_NAMES.filter((action) => !used.has(action))).toEqual([]);
});

test('credentials are asked for before a body is read or judged', async () => {
  const response = await fetch(new URL('/api/v1/resources:apply', harness.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: 'this is not JSON',
  });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, 'access.missing']);
  expect(response.headers.get('www-authenticate')).toBe('Bearer realm="songhua"');
});

test('a refusal says who you are and what to do; bad credentials are told apart from none', async () => {
  const call = async (headers: Record<string, string>): Promise<{ code: string; detail: string }> =>
    (await (await fetch(new URL('/api/v1/keys', harness.url), { headers })).json()) as { code: string; detail: string };
  expect(await call({})).toMatchObject({
    code: 'access.missing',
    detail: expect.stringContaining('songhua keys create'),
  });
  expect(await call({ authorization: 'Bearer x' })).toMatchObject({ code: 'access.invalid' });
  const portal = await harness.credentials({ role: 'portal' });
  expect(await call(portal)).toMatchObject({
    code: 'access.forbidden',
    detail: expect.stringMatching(/you are key:\w+, portal/),
  });
});

test('a flood of refused requests writes one audit row a route, and the next one tells how many there were', async () => {
  let now = new Date('2026-03-01T08:00:00Z');
  const rows: { actor: string; detail: Record<string, unknown> }[] = [];
  const audit: Pick<AuditRepository, 'append'> = {
    async append(actor, _action, _subject, detail) {
      rows.push({ actor, detail });
    },
  };
  const refusals = createRefusals({
    audit: audit as AuditRepository,
    logger: createLogger('test'),
    metrics: createMetrics('test'),
    now: () => now,
  });
  const who: Principal = { id: 'key:a', role: 'department', department: 'education', actions: null };
  const request = (url: string): FastifyRequest =>
    ({ method: 'GET', url: `${url}?token=secret`, routeOptions: { url } }) as FastifyRequest;
  for (let n = 0; n < 1000; n++) await refusals.note(who, request('/a'), 'access.forbidden');
  await refusals.note(who, request('/b'), 'access.forbidden');
  await refusals.note(ANONYMOUS, request('/a'), 'access.missing');
  expect(rows).toHaveLength(2);
  now = new Date(now.getTime() + 11 * 60_000);
  await refusals.note(who, request('/a'), 'access.forbidden');
  expect(rows.at(-1)).toMatchObject({ actor: 'key:a', detail: { omitted: 999, path: '/a', department: 'education' } });
  expect(JSON.stringify(rows)).not.toContain('secret');
});

test('a key works until it is revoked, on every replica at once', async () => {
  const headers = { ...harness.operator, 'content-type': 'application/json' };
  const replica = await harness.replica();
  const made = (await (
    await fetch(new URL('/api/v1/keys', harness.url), {
      method: 'POST',
      headers,
      body: JSON.stringify({ title: '门户', role: 'portal' }),
    })
  ).json()) as { id: string; key: string };
  const asked = async (): Promise<number[]> =>
    Promise.all(
      [harness.url, replica.url].map(
        async (url) =>
          (await fetch(new URL('/api/v1/whoami', url), { headers: { authorization: `Bearer ${made.key}` } })).status,
      ),
    );
  expect(await asked()).toEqual([200, 200]);
  await fetch(new URL(`/api/v1/keys/${made.id}`, harness.url), { method: 'DELETE', headers: harness.operator });
  expect(await asked()).toEqual([401, 401]);
  await replica.stop();
});

test('a key that could never be used is refused with the field that is wrong', async () => {
  const make = async (body: object): Promise<unknown> =>
    (
      await fetch(new URL('/api/v1/keys', harness.url), {
        method: 'POST',
        headers: { ...harness.operator, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json();
  expect(await make({ title: 'x', role: 'department' })).toMatchObject({
    status: 400,
    errors: [{ path: expect.stringContaining('department') }],
  });
  expect(await make({ title: 'x', role: 'operator', department: 'a' })).toMatchObject({ status: 400 });
  expect(await make({ title: 'x', role: 'anonymous' })).toMatchObject({ status: 400 });
  expect(await make({ title: 'x', role: 'portal', actions: ['everything'] })).toMatchObject({ status: 400 });
  expect(await make({ title: 'x', role: 'portal', expiresAt: '2001-01-01T00:00:00Z' })).toMatchObject({
    status: 400,
    errors: [{ path: 'body/expiresAt' }],
  });
  expect(await make({ title: 'x', role: 'department', department: 'nobody' })).toMatchObject({
    code: 'catalog.reference',
    detail: expect.stringContaining('there is no Department nobody'),
  });
});
