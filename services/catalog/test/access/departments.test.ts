import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Harness, startHarness } from '../harness.js';
import { createThings, type Things } from './world.js';

let harness: Harness;
let own: Things;
let other: Things;

beforeAll(async () => {
  harness = await startHarness();
  own = await createThings(harness, 'education');
  other = await createThings(harness, 'health');
}, 60_000);
afterAll(() => harness?.stop());

test('a list that is asked for a thing of another department by its name refuses, as of a thing that is not there', async () => {
  const headers = await harness.credentials({ role: 'department', department: own.department });
  const asked = async (things: Things): Promise<number[]> =>
    Promise.all(
      [
        `syncs?connector=${things.connector}`,
        `syncs?request=${things.request}`,
        `quarantine?dataset=${things.dataset}`,
        `resources?kind=Dataset&name=${things.dataset}`,
        `resources?kind=Connector&name=${things.connector}`,
      ].map(async (path) => (await fetch(new URL(`/api/v1/${path}`, harness.url), { headers })).status),
    );
  expect(await asked(own)).toEqual([200, 200, 200, 200, 200]);
  expect(await asked(other)).toEqual([404, 404, 404, 404, 404]);
  const none = { ...other, connector: 'none', dataset: 'none', request: 'none' };
  expect(await asked(none)).toEqual([404, 404, 404, 404, 404]);
  expect(
    (await fetch(new URL(`/api/v1/resources?kind=Department&name=${other.department}`, harness.url), { headers }))
      .status,
  ).toBe(200);
});

test("to run or to try another department's connector by name is answered as of one that is not there", async () => {
  const headers = {
    ...(await harness.credentials({ role: 'department', department: own.department })),
    'content-type': 'application/json',
  };
  const asked = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(new URL(path, harness.url), { method: 'POST', headers, body: JSON.stringify(body) });
    const { code, detail } = (await response.json()) as { code?: string; detail?: string };
    return [response.status, code, detail];
  };
  const unknown = [404, 'connector.unknown', expect.stringMatching(/list yours$/)];
  for (const name of [other.connector, 'none']) {
    expect(await asked('/api/v1/syncs', { connectors: [own.connector, name] })).toEqual(unknown);
    expect(await asked('/api/v1/connectors:test', { name })).toEqual(unknown);
  }
});

test("a request is not taken for one's own because its name begins like one", async () => {
  const headers = await harness.credentials({ role: 'department', department: own.department });
  const path = `/api/v1/sync-requests/${own.request}`;
  const status = async (url: string): Promise<number> => (await fetch(new URL(url, harness.url), { headers })).status;
  expect([await status(path), await status(`${path}:${other.request}`), await status(`${path}.1`)]).toEqual([
    200, 400, 404,
  ]);
});

test('what a name was for another department, before it was deleted, is not shown to whoever has it now', async () => {
  const [dataset, connector] = other.resources;
  const theirs = { ...dataset, metadata: { name: 'again' }, spec: { ...dataset.spec, title: 'canary' } };
  const theirFiles = {
    ...connector,
    metadata: { name: 'again-files' },
    spec: { ...connector.spec, dataset: 'again', config: { path: 'canary.csv' } },
  };
  const { catalog } = harness;
  const author = { name: 'test', mayApprove: true };
  await catalog.estate.apply([theirs], 'test');
  await catalog.connectors.apply([theirFiles], author);
  await catalog.connectors.delete('again-files', 'test');
  await catalog.estate.delete('Dataset', 'again', 'test');
  await catalog.estate.apply(
    [{ ...theirs, spec: { ...theirs.spec, title: 'new', department: own.department } }],
    'test',
  );
  await catalog.connectors.apply(
    [{ ...theirFiles, spec: { ...theirFiles.spec, config: { path: 'new.csv' } } }],
    author,
  );

  const headers = await harness.credentials({ role: 'department', department: own.department });
  for (const id of ['Dataset/again', 'Connector/again-files']) {
    const asked = async (as: Record<string, string>): Promise<string> =>
      (await fetch(new URL(`/api/v1/resources/${id}/revisions`, harness.url), { headers: as })).text();
    const shown = await asked(headers);
    expect([JSON.parse(shown).items.map((one: { action: string }) => one.action), shown.includes('canary')]).toEqual([
      ['create'],
      false,
    ]);
    expect(await asked(harness.operator)).toContain('canary');
    const back = await fetch(new URL(`/api/v1/resources/${id}/revisions`, harness.url), {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"from":1}',
    });
    expect(back.status).toBe(404);
  }
});
