import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type Applied,
  type ConnectorLife,
  encodePrincipal,
  PRINCIPAL_HEADER,
  type Problem,
  SYNC_COMPLETED,
} from '@songhua/contracts';
import type { Principal } from '@songhua/domain';
import { createWorld, type Replica, type World, waitFor } from './world.js';

const MEMBER: Principal = { id: 'key:member', role: 'department', department: 'education', actions: null };

let world: World;
let replica: Replica;
beforeAll(async () => {
  world = await createWorld();
  replica = await world.replica();
}, 60_000);
afterAll(() => world?.close(), 60_000);

const connector = (name: string, spec: object = {}) => ({
  apiVersion: 'songhua/v1',
  kind: 'Connector',
  metadata: { name },
  spec: { dataset: name, kind: 'file', config: { path: `${name}.csv` }, ...spec },
});
const as = (principal: Principal) => ({ [PRINCIPAL_HEADER]: encodePrincipal(principal) });
const apply = <T = Applied>(resources: object[], more: object = {}, headers: Record<string, string> = {}) =>
  replica.call<T>('/connectors:apply', { resources, ...more }, 'POST', headers);
const step = <T = ConnectorLife>(name: string, what: string, headers: Record<string, string> = {}, body: object = {}) =>
  replica.call<T>(`/connectors/${name}/${what}`, body, 'POST', headers);

describe('registering', () => {
  test('is tried before it is done: a dataset of the same call counts as there, and nothing is kept', async () => {
    const tried = await apply([connector('coming')], { dryRun: true, datasets: ['coming'] });
    expect(tried).toMatchObject({
      status: 200,
      body: { created: 1, changes: [{ name: 'coming', approval: 'approved' }] },
    });
    expect(await world.catalog.connectors.get('coming')).toBeUndefined();
    expect(await apply<Problem>([connector('coming')])).toMatchObject({
      status: 400,
      body: { code: 'connector.unknown-dataset', errors: [{ path: 'Connector/coming spec.dataset' }] },
    });
  });

  test('fills in the defaults of the kind, so that saying one is no change', async () => {
    await world.register(replica, { full: { kind: 'http', config: { url: 'http://127.0.0.1:1/x.csv' } } });
    const { config } = (await world.catalog.connectors.get('full'))?.spec ?? {};
    expect(config).toMatchObject({ url: 'http://127.0.0.1:1/x.csv', headers: {} });
    const said = connector('full', { kind: 'http', config });
    expect((await apply([said])).body).toMatchObject({ unchanged: 1, changes: [] });
  });

  test('by a department waits for approval, which the department cannot give', async () => {
    await world.register(replica, { proposed: {} });
    const change = connector('proposed', { schedule: { cron: '0 3 * * *' } });
    expect((await apply([change], {}, as(MEMBER))).body).toMatchObject({
      changes: [{ approval: 'needed', revision: 2 }],
    });
    expect((await step('proposed', 'submit', as(MEMBER))).body).toMatchObject({
      state: 'approved',
      approved: 1,
      proposal: { revision: 2, stage: 'submitted' },
    });
    expect(await step<Problem>('proposed', 'approve', as(MEMBER))).toMatchObject({
      status: 403,
      body: { code: 'access.forbidden' },
    });
    expect(await step<Problem>('proposed', 'approve', {}, { revision: 1 })).toMatchObject({
      status: 409,
      body: { code: 'connector.lifecycle' },
    });
    expect((await step('proposed', 'refuse', {}, { reason: '太频繁' })).body).toMatchObject({ remark: '太频繁' });
    await step('proposed', 'submit', as(MEMBER));
    expect((await step('proposed', 'approve', {}, { revision: 2 })).body).toMatchObject({
      approved: 2,
      proposal: null,
    });
  });

  test('of a new connector by a department starts nothing: no schedule, no request, until it is approved', async () => {
    await world.register(replica, { fresh: {} });
    await replica.call('/connectors/fresh', undefined, 'DELETE');
    await world.write('fresh.csv', 'id\n1\n');
    await apply([connector('fresh', { schedule: { cron: '* * * * * *' } })], {}, as(MEMBER));
    expect(await replica.call<Problem>('/syncs', { connectors: ['fresh'] })).toMatchObject({
      status: 409,
      body: { code: 'connector.not-running', detail: expect.stringContaining('it is a draft') },
    });
    expect(await world.catalog.syncs.list({ connector: 'fresh', limit: 1, offset: 0 })).toEqual([]);
    await step('fresh', 'submit', as(MEMBER));
    await step('fresh', 'approve');
    const started = await waitFor(async () => {
      const [sync] = await world.catalog.syncs.list({ connector: 'fresh', limit: 1, offset: 0 });
      return sync;
    });
    expect(started.slot).toMatch(/^\d{4}-/);
    expect((await step('fresh', 'retire')).body).toMatchObject({ state: 'retired' });
  });
});

test('a connector that is deleted while its source is read sends no closing event, and the sync says why', async () => {
  let answer: ServerResponse | undefined;
  const server = createServer((_request, response) => {
    answer = response;
    response.writeHead(200, { 'content-type': 'text/csv' }).write('id\n1\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.csv`;
  await world.register(replica, { going: { kind: 'http', config: { url } } });
  const [sync = ''] = await replica.syncNow('going');
  await waitFor(() => answer);
  expect((await replica.call('/connectors/going', undefined, 'DELETE')).status).toBe(200);
  expect(await world.ended(sync)).toMatchObject({
    state: 'failed',
    reason: { code: 'connector.deleted' },
  });
  // The lease is renewed every second: then the reader notices and hangs up.
  await waitFor(() => (answer?.destroyed ? true : undefined));
  await world.write('after.csv', 'id\n1\n');
  await world.register(replica, { after: {} });
  const [later = ''] = await replica.syncNow('after');
  await world.ended(later);
  await waitFor(() => world.received.find(({ envelope }) => envelope.sync === later));
  const closing = world.received.filter(({ envelope }) => envelope.sync === sync && envelope.schema === SYNC_COMPLETED);
  expect(closing).toHaveLength(0);
  server.closeAllConnections();
  server.close();
});
