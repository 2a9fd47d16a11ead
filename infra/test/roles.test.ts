import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { namesOf } from '@songhua/contracts';
import { Client } from 'pg';
import { dropDatabase, ensureDatabase } from '../src/database.js';
import { type Endpoints, endpointEnvironment, endpointsFromEnvironment, endpointsOf } from '../src/endpoints.js';
import { ensureRoles } from '../src/roles.js';

const server = process.env.SONGHUA_TEST_DATABASE_URL ?? '';
const run = randomBytes(4).toString('hex');
const KEEPER = `keeper_${run}`;
const withPassword = (password: string): string => Object.assign(new URL(server), { password }).href;
const deployed = (name: string, password: string | undefined, as = server): Endpoints =>
  endpointsOf(`${name}-${run}`, {
    brokers: [],
    temporalAddress: '',
    s3: { endpoint: '', accessKey: '', secretKey: '', bucket: '' },
    databaseUrl: as,
    serviceDatabaseUrls: password ? { landing: withPassword(password), catalog: withPassword(password) } : {},
  });
const made: Endpoints[] = [];
const prepare = async (endpoints: Endpoints): Promise<Awaited<ReturnType<typeof ensureRoles>>> => {
  // As who may drop what another owns.
  made.push({
    ...endpoints,
    databaseUrl: deployed(endpoints.deployment.replace(`-${run}`, ''), undefined).databaseUrl,
  });
  await ensureDatabase(endpoints);
  return ensureRoles(endpoints);
};
afterAll(async () => {
  for (const endpoints of made) await dropDatabase(endpoints);
  await ask(server, `DROP ROLE IF EXISTS ${KEEPER}`);
});

const ask = async (url: string, sql: string): Promise<unknown> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
};
const urlOf = (endpoints: Endpoints, service: 'landing' | 'catalog' | 'refresh'): string =>
  endpointEnvironment(endpoints, service).SONGHUA_DATABASE_URL ?? '';

test('each service gets the URL of its own role, and one that has none the owner’s', () => {
  const endpoints = deployed('url', 'p');
  const { roles } = namesOf(`url-${run}`);
  expect(new URL(urlOf(endpoints, 'landing')).username).toBe(roles.landing);
  expect(new URL(urlOf(endpoints, 'landing')).pathname).toBe(new URL(endpoints.databaseUrl).pathname);
  expect(urlOf(endpoints, 'refresh')).toBe(endpoints.databaseUrl);
  expect(endpointEnvironment(endpoints).SONGHUA_DATABASE_URL).toBe(endpoints.databaseUrl);
});

test('in a cluster the roles are those of the URLs that declare is told', () => {
  const told = { ...endpointEnvironment(deployed('told', 'p')), SONGHUA_LANDING_DATABASE_URL: 'postgresql://l:p@h/d' };
  expect(endpointsFromEnvironment(told).serviceDatabaseUrls).toEqual({ landing: 'postgresql://l:p@h/d' });
});

test('a role is made once, and takes the password that is told last, which no statement holds', async () => {
  const { roles } = namesOf(`made-${run}`);
  expect(await prepare(deployed('made', 'first'))).toEqual({ landing: roles.landing, catalog: roles.catalog });
  const second = deployed('made', 'päss%41 wörd');
  await Promise.all([prepare(second), prepare(second)]);
  expect(await ask(urlOf(second, 'landing'), 'SELECT current_user')).toBe(roles.landing);
  await expect(ask(urlOf(deployed('made', 'first'), 'landing'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('a role of one deployment may not enter the database of another', async () => {
  const [one, other] = [deployed('one', 'p'), deployed('other', 'p')];
  await prepare(one);
  await prepare(other);
  const { pathname } = new URL(other.databaseUrl);
  const astray = Object.assign(new URL(urlOf(one, 'landing')), { pathname }).href;
  await expect(ask(astray, 'SELECT 1')).rejects.toMatchObject({ code: '42501' });
});

test('without roles, or with the owner’s URL for a service, nothing is made', async () => {
  expect(await prepare(deployed('none', undefined))).toEqual({});
  const none = deployed('none', undefined);
  expect(await ensureRoles({ ...none, serviceDatabaseUrls: { landing: none.databaseUrl } })).toEqual({});
});

test('an owner who may not create roles takes those that somebody made, and is told which is missing', async () => {
  const keeper = Object.assign(new URL(server), { username: KEEPER, password: 'k' }).href;
  await ask(server, `CREATE ROLE ${KEEPER} LOGIN CREATEDB PASSWORD 'k'`);
  const endpoints = deployed('kept', 'p', keeper);
  const { landing, catalog } = namesOf(`kept-${run}`).roles;
  await expect(prepare(endpoints)).rejects.toMatchObject({
    code: 'usage.role',
    actor: 'operator',
    message: expect.stringContaining(landing),
  });
  for (const role of [landing, catalog]) await ask(server, `CREATE ROLE ${role} LOGIN PASSWORD 'theirs'`);
  expect(await prepare(endpoints)).toEqual({ landing, catalog });
  const theirs = Object.assign(new URL(urlOf(endpoints, 'landing')), { password: 'theirs' }).href;
  expect(await ask(theirs, 'SELECT current_user')).toBe(landing);
});
