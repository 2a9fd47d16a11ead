import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decodePrincipal, PRINCIPAL_HEADER } from '@songhua/contracts';
import { ANONYMOUS, type CredentialRole, grantOf, newApiKey, type Principal } from '@songhua/domain';
import type { DeclaredRoute } from '../../src/access/declare.js';
import { type Harness, INTERNAL_TOKEN, startHarness } from '../harness.js';
import { type Issuer, startIssuer } from './issuer.js';
import { createThings, spareKey, type Things } from './world.js';

/*
 * Every route of the running service, called with every kind of credentials, for things of the caller's own and of another department.
 * What must come out is computed from the policy table alone.
 */
let issuer: Issuer;
let harness: Harness;
let own: Things;
let other: Things;
let callers: Caller[];

const SAMPLE = ['nobody', 'a key that does not exist', 'key of department'];

interface Caller {
  name: string;
  headers: Record<string, string>;
  /** Whom the credentials name; null when they are none that is accepted. */
  principal: Principal | null;
}

beforeAll(async () => {
  issuer = await startIssuer();
  harness = await startHarness({ SONGHUA_OIDC_ISSUER: issuer.url });
  own = await createThings(harness, 'education');
  other = await createThings(harness, 'health');
  callers = await everyCaller();
}, 60_000);
afterAll(async () => {
  await harness?.stop();
  issuer?.close();
});

async function everyCaller(): Promise<Caller[]> {
  const { catalog } = harness;
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const principal = (role: CredentialRole, more: Partial<Principal> = {}): Principal => ({
    id: '',
    role,
    department: role === 'department' ? own.department : null,
    actions: null,
    ...more,
  });
  const found: Caller[] = [
    { name: 'nobody', headers: {}, principal: null },
    { name: 'a password', headers: { authorization: 'Basic b3BlcmF0b3I6b3BlcmF0b3I=' }, principal: null },
    { name: 'a key that does not exist', headers: bearer(newApiKey().key), principal: null },
    { name: 'half a key', headers: bearer(harness.operator.authorization.slice(7, -4)), principal: null },
    {
      name: 'an expired token',
      headers: bearer(await issuer.token({ songhua_role: 'operator', exp: 1 })),
      principal: null,
    },
  ];
  for (const end of ['revoked', 'expired']) {
    const made = newApiKey();
    const expiresAt = end === 'expired' ? { expiresAt: new Date(0).toISOString() } : {};
    await catalog.access.createKey(made, { title: end, role: 'operator', ...expiresAt }, 'test');
    if (end === 'revoked') await catalog.access.revokeKey(made.id, 'test');
    found.push({ name: `a key that is ${end}`, headers: bearer(made.key), principal: null });
  }
  // The same id with another secret: the right row is found, and must not be enough.
  const [, id] = harness.operator.authorization.split('_');
  found.push({ name: 'a guessed secret', headers: bearer(`sk_${id}_${'A'.repeat(43)}`), principal: null });

  for (const role of ['operator', 'reviewer', 'portal', 'department'] as const) {
    const department = role === 'department' ? { department: own.department } : {};
    const headers = await harness.credentials({ role, ...department });
    found.push({ name: `key of ${role}`, headers, principal: principal(role) });
    const claims = { songhua_role: role, songhua_department: own.department };
    found.push({ name: `token of ${role}`, headers: bearer(await issuer.token(claims)), principal: principal(role) });
  }
  const narrow = await harness.credentials({
    role: 'department',
    department: own.department,
    actions: ['ingest.push'],
  });
  found.push({ name: 'narrow key', headers: narrow, principal: principal('department', { actions: ['ingest.push'] }) });
  const nameless = await issuer.token({ sub: 'guest' });
  found.push({
    name: 'token without a role',
    headers: bearer(nameless),
    principal: { ...ANONYMOUS, id: 'oidc:guest' },
  });
  const homeless = await issuer.token({ songhua_role: 'department' });
  found.push({
    name: 'token without a department',
    headers: bearer(homeless),
    principal: principal('department', { department: null }),
  });
  return found;
}

/** Bodies of routes that take one. */
const BODIES: Record<string, (things: Things, spare: string) => unknown> = {
  'POST /api/v1/resources:apply': (things) => things.resources,
  'POST /api/v1/resources:plan': (things) => things.resources,
  'POST /api/v1/resources/{kind}/{name}/revisions': () => ({ from: 1 }),
  'POST /api/v1/syncs': (things) => ({ connectors: [things.connector] }),
  'POST /api/v1/syncs/{id}:cancel': () => ({ reason: 'the matrix asks' }),
  'POST /api/v1/connectors/{name}:sync': () => ({}),
  'POST /api/v1/connectors/{name}:submit': () => ({}),
  'POST /api/v1/connectors/{name}:approve': () => ({}),
  'POST /api/v1/connectors/{name}:refuse': () => ({}),
  'POST /api/v1/connectors/{name}:pause': () => ({}),
  'POST /api/v1/connectors/{name}:resume': () => ({}),
  'POST /api/v1/connectors/{name}:retire': () => ({}),
  'POST /api/v1/connectors:test': (things) => ({ name: things.connector }),
  'POST /api/v1/connectors:discover': (things) => ({ resource: things.resources[1] }),
  'POST /api/v1/connectors:preview': (things) => ({ name: things.connector }),
  'POST /api/v1/connectors:dry-run': (things) => ({ resource: things.resources[1] }),
  'POST /api/v1/ingest/{connector}': () => ({}),
  'POST /api/v1/keys': () => ({ title: 'made by the matrix', role: 'portal' }),
  'POST /api/v1/keys:rotate': (_things, spare) => ({ id: spare }),
  'POST /api/v1/audit:verify': () => ({}),
  'POST /api/v1/gc': () => ({ dryRun: true }),
  'POST /api/v1/syncs:recover': () => ({}),
  'POST /api/v1/secrets:rotate': () => ({}),
  'POST /api/v1/holds/{id}:decide': () => ({ approve: true, reason: 'the matrix asks' }),
  'POST /api/v1/quarantine/{sync}:replay': () => ({ dryRun: true }),
  'POST /api/v1/datasets/{name}/versions/{version}:rollback': () => ({ reason: 'the matrix asks' }),
};
/** Routes that let the things of this world pass, and then have a rule of their own about them. */
const RULED: Record<string, number> = {
  // The connectors here are of another kind than push.
  'POST /api/v1/ingest/{connector}': 422,
  // The sync here is read to its end.
  // Somebody else has decided just now.
  'POST /api/v1/holds/{id}:decide': 409,
  'POST /api/v1/syncs/{id}:cancel': 409,
  // Another caller's may still run.
  'POST /api/v1/gc': 409,
};
const WITHOUT_BODY = ['GET', 'HEAD', 'DELETE'];

// "::" is a colon; ":name" a parameter, perhaps with a pattern behind it.
const PARAMETER = /::|:(\w+)(\([^)]*\))?/g;
const shown = (url: string): string => url.replace(PARAMETER, (_, param?: string) => (param ? `{${param}}` : ':'));

/** The path of a route with the things' names in it. */
function pathOf({ url, department }: DeclaredRoute, things: Things, spare: string): string {
  const ofConnector = url.startsWith('/api/v1/connectors') || url.startsWith('/api/v1/resources');
  const values: Record<string, string> = {
    kind: 'Connector',
    name: ofConnector ? things.connector : things.dataset,
    version: url.startsWith('/data') ? 'v1' : '1',
    other: '2',
    file: 'data.parquet',
    id: url.startsWith('/api/v1/keys') ? spare : things.sync,
    connector: things.connector,
    sync: url.endsWith('::replay') ? things.replayable : things.sync,
    request: things.request,
    // One that some caller began; of those that may ask, all see the same.
    collection: '1',
  };
  const path = url.replace(PARAMETER, (_, param?: string) => {
    if (!param) return ':';
    const value = values[param];
    if (value === undefined) throw new Error(`${url}: tell the matrix what to put for ${param}`);
    return value;
  });
  return department === 'list' ? `${path}?department=${things.department}` : path;
}

async function call(route: DeclaredRoute, caller: Caller, things: Things): Promise<Response> {
  const spare = route.url.startsWith('/api/v1/keys') ? await spareKey(harness) : '';
  const key = `${route.method} ${shown(route.url)}`;
  const makeBody = BODIES[key];
  if (!makeBody && !WITHOUT_BODY.includes(route.method))
    throw new Error(`${key}: tell the matrix what to send, in BODIES`);
  const stop = new AbortController();
  const response = await fetch(new URL(pathOf(route, things, spare), harness.url), {
    method: route.method,
    headers: { ...caller.headers, ...(makeBody && { 'content-type': 'application/json' }) },
    ...(makeBody && { body: JSON.stringify(makeBody(things, spare)) }),
    signal: stop.signal,
  });
  const text = route.url === '/api/v1/events' ? '' : await response.text();
  stop.abort();
  // Everybody who asks afterwards finds it waiting.
  if (route.access === 'hold.decide') await things.hold();
  return new Response(text || null, {
    status: response.status === 204 ? 200 : response.status,
    headers: response.headers,
  });
}

/** What the policy says must come out. */
function expected(route: DeclaredRoute, { principal }: Caller, things: Things): number[] | 'allowed' {
  if (grantOf(ANONYMOUS, route.access)) return 'allowed';
  if (!principal) return [401];
  const grant = grantOf(principal, route.access);
  if (!grant) return [403];
  return grant === 'all' || things === own ? 'allowed' : [403, 404];
}

test('every route answers every kind of caller as the policy says', async () => {
  const wrong: object[] = [];
  const counts: Record<string, number> = {};
  const check = async (route: DeclaredRoute, caller: Caller, things: Things): Promise<void> => {
    const response = await call(route, caller, things);
    const told = expected(route, caller, things);
    const fits =
      told === 'allowed'
        ? response.status < 400 || response.status === RULED[`${route.method} ${shown(route.url)}`]
        : told.includes(response.status) &&
          response.headers.get('content-type')?.startsWith('application/problem+json') === true &&
          (response.status !== 401 || /^Bearer /.test(response.headers.get('www-authenticate') ?? ''));
    // Nothing of another department's is in a refusal.
    const leaks = told !== 'allowed' && things === other && (await response.text()).includes(other.dataset);
    const { method, url } = route;
    if (!fits || leaks)
      wrong.push({ method, url, caller: caller.name, of: things.department, told, status: response.status, leaks });
    const kind = told === 'allowed' ? 'allowed' : String(response.status);
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  for (const route of harness.routes) {
    const isList = /kinds|schemas/.test(route.url);
    harness.connector.answer = {
      status: 200,
      body: isList ? [] : { created: 0, changed: 0, unchanged: 1, changes: [] },
    };
    // On public routes nobody looks at credentials, and a HEAD is its GET: some of each sort show it.
    const isPublic = route.access === 'public.read';
    const sample =
      isPublic || route.method === 'HEAD' ? callers.filter((caller) => SAMPLE.includes(caller.name)) : callers;
    await Promise.all(
      sample.flatMap((caller) => (isPublic ? [own] : [own, other]).map((things) => check(route, caller, things))),
    );
  }
  expect(wrong).toEqual([]);
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  console.info(
    `access matrix: ${harness.routes.length} routes, ${callers.length} callers, own and other: ${total} requests, ${JSON.stringify(counts)}`,
  );
}, 120_000);

test('what reached the connector service was on behalf of somebody who may, and of nobody else', () => {
  expect(harness.connector.asked.length).toBeGreaterThan(10);
  for (const { path, body, headers } of harness.connector.asked) {
    expect(headers?.authorization).toBe(`Bearer ${INTERNAL_TOKEN}`);
    const principal = decodePrincipal(headers?.[PRINCIPAL_HEADER]);
    if (/^\/connectors:kinds/.test(path)) continue;
    const decides = /\/(approve|refuse)$/.test(path);
    expect(decides ? ['operator', 'reviewer'] : ['operator', 'department']).toContain(principal.role);
    if (principal.role === 'department') expect(`${path} ${JSON.stringify(body)}`).not.toContain(other.department);
  }
});

test('what a department lists is its own, though it did not ask for that', async () => {
  const headers = await harness.credentials({ role: 'department', department: own.department });
  const lists = harness.routes.filter((route) => route.department === 'list' && route.method === 'GET');
  expect(lists.length).toBeGreaterThanOrEqual(4);
  const list = async (url: string, as: Record<string, string>): Promise<string> =>
    (await fetch(new URL(url, harness.url), { headers: as })).text();
  for (const { url } of lists) {
    const theirs = await list(url, headers);
    expect([url, theirs.includes(own.dataset), theirs.includes(other.dataset)]).toEqual([url, true, false]);
    expect(await list(url, harness.operator)).toContain(other.dataset);
  }
});

test("resources of every kind are a department's only when they are its own; departments and domains are nobody's", async () => {
  const headers = {
    ...(await harness.credentials({ role: 'department', department: own.department })),
    'content-type': 'application/json',
  };
  const statuses = async (path: string): Promise<number[]> =>
    Promise.all(
      (
        [
          ['GET', path],
          ['GET', `${path}/revisions`],
          ['POST', `${path}/revisions`],
          ['DELETE', path],
        ] as const
      ).map(async ([method, url]) => {
        const body = method === 'POST' ? { body: '{"from":1}' } : method === 'DELETE' ? { body: '{}' } : {};
        return (await fetch(new URL(`/api/v1/resources/${url}`, harness.url), { method, headers, ...body })).status;
      }),
    );
  expect(await statuses(`Dataset/${other.dataset}`)).toEqual([404, 404, 404, 404]);
  expect(await statuses(`Department/${own.department}`)).toEqual([404, 404, 404, 404]);
  expect(await statuses('Domain/society')).toEqual([404, 404, 404, 404]);
  expect((await statuses(`Dataset/${own.dataset}`)).slice(0, 2)).toEqual([200, 200]);
});

test('every attempt that was refused to somebody known is in the audit log, once for each route', async () => {
  const rows = await harness.catalog.audit.list({ action: 'access.refuse', limit: 10_000 });
  const seen = new Set(rows.map((row) => `${row.actor} ${row.subject}`));
  expect(seen.size).toBe(rows.length);
  for (const caller of callers) {
    if (!caller.principal || !caller.name.startsWith('token')) continue;
    const { sub } = JSON.parse(
      Buffer.from(caller.headers.authorization?.split('.')[1] ?? '', 'base64url').toString(),
    ) as { sub: string };
    for (const route of harness.routes.filter((one) => one.method !== 'HEAD')) {
      const refused = [own, other].some((things) => expected(route, caller, things) !== 'allowed');
      if (refused) expect(seen).toContain(`oidc:${sub} Route/${route.method} ${route.url}`);
    }
  }
  // Nobody unknown can fill the log.
  expect(rows.filter((row) => row.actor === 'anonymous')).toEqual([]);
  expect(await harness.catalog.audit.verify([])).toMatchObject({ ok: true });
});

test('a department may not move what is not its own to itself, nor its own to another', async () => {
  const headers = {
    ...(await harness.credentials({ role: 'department', department: own.department })),
    'content-type': 'application/json',
  };
  const [mine, mineFiles] = own.resources;
  const [theirs, theirFiles] = other.resources;
  const apply = async (...resources: object[]): Promise<number> =>
    (
      await fetch(new URL('/api/v1/resources:apply', harness.url), {
        method: 'POST',
        headers,
        body: JSON.stringify(resources),
      })
    ).status;
  expect(await apply(mine, mineFiles)).toBe(200);
  expect(await apply({ ...theirs, spec: { ...theirs.spec, department: own.department } })).toBe(403);
  expect(await apply({ ...mine, spec: { ...mine.spec, department: other.department } })).toBe(403);
  expect(await apply({ ...theirFiles, spec: { ...theirFiles.spec, dataset: own.dataset } })).toBe(403);
  expect(await apply({ ...mineFiles, spec: { ...mineFiles.spec, dataset: other.dataset } })).toBe(403);
  const city = {
    apiVersion: 'songhua/v1',
    kind: 'Department',
    metadata: { name: own.department },
    spec: { title: '更名' },
  };
  expect(await apply(mine, city)).toBe(403);
});

test("a department may not go back to a revision in which its dataset was another's", async () => {
  const [dataset] = other.resources;
  const moved = { ...dataset, metadata: { name: 'moved-data' } };
  const asOwn = { ...moved, spec: { ...moved.spec, department: own.department } };
  await harness.catalog.estate.apply([moved], 'test');
  await harness.catalog.estate.apply([asOwn], 'test');
  await harness.catalog.estate.apply([{ ...asOwn, spec: { ...asOwn.spec, title: '改名' } }], 'test');
  const headers = {
    ...(await harness.credentials({ role: 'department', department: own.department })),
    'content-type': 'application/json',
  };
  const back = async (from: number): Promise<number> =>
    (
      await fetch(new URL('/api/v1/resources/Dataset/moved-data/revisions', harness.url), {
        method: 'POST',
        headers,
        body: JSON.stringify({ from }),
      })
    ).status;
  expect([await back(1), await back(2), await back(99)]).toEqual([404, 200, 404]);
});

test('"run now" of the whole estate, or of another department, is not a department\'s', async () => {
  const headers = {
    ...(await harness.credentials({ role: 'department', department: own.department })),
    'content-type': 'application/json',
  };
  const run = async (body: object): Promise<number> =>
    (await fetch(new URL('/api/v1/syncs', harness.url), { method: 'POST', headers, body: JSON.stringify(body) }))
      .status;
  expect(await run({ all: true })).toBe(403);
  expect(await run({ department: other.department })).toBe(403);
  expect(await run({ connectors: [own.connector, other.connector] })).toBe(404);
  expect(await run({ connectors: [own.connector, 'none'] })).toBe(404);
  expect(await run({ connectors: [own.connector] })).toBe(200);
  expect(await run({ department: own.department })).toBe(200);
});
