import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectorId } from '@songhua/domain';
import { newKey } from '@songhua/runtime';
import { createWorld, type Replica, type World } from './world.js';

let world: World;
let replica: Replica;
let kek: string;
beforeAll(async () => {
  world = await createWorld();
  kek = join(world.root, 'kek');
  await writeFile(kek, newKey('old'));
  replica = await world.replica({ SONGHUA_KEK: '', SONGHUA_KEK_FILE: kek });
}, 60_000);
afterAll(() => world?.close(), 60_000);

const secret = randomBytes(12).toString('hex');
const given = (value: string) => ({ secrets: { password: { value } } });
const rows = () => world.catalog.secrets.page(undefined, 1000);

test('a value is kept sealed for its connector alone, and given again it changes nothing', async () => {
  await world.write('sealed.csv', 'id\n1\n');
  await world.register(replica, { sealed: given(secret) });
  const [kept] = await rows();
  expect(kept).toMatchObject({ connectorId: connectorId('sealed'), name: 'password' });
  expect(kept?.value).toMatch(/^sealed1\.old\./);
  expect(JSON.stringify(await world.catalog.connectors.get('sealed'))).not.toContain(secret);
  const { revision } = (await world.catalog.connectors.get('sealed')) ?? {};
  await world.register(replica, { sealed: given(secret) });
  expect((await world.catalog.connectors.get('sealed'))?.revision).toBe(revision);
  const [sync = ''] = await replica.syncNow('sealed');
  expect((await world.ended(sync)).state).toBe('delivered');
});

test('a value moved to another connector does not open there', async () => {
  await world.write('thief.csv', 'id\n1\n');
  await world.register(replica, { thief: given('its own') });
  const all = await rows();
  const own = all.find((row) => row.connectorId === connectorId('thief'));
  const other = all.find((row) => row.connectorId === connectorId('sealed'));
  if (!own || !other) throw new Error('both have a value');
  expect(await world.catalog.secrets.replace(own, other.value)).toBe(true);
  const [sync = ''] = await replica.syncNow('thief');
  const { reason } = await world.ended(sync);
  expect(reason).toMatchObject({ code: 'secret.unreadable', actor: 'operator' });
});

test('rotation puts every data key under the newest key, can be repeated, and the old key is no longer needed', async () => {
  await world.write('many.csv', 'id\n1\n');
  await world.register(replica, { many: { secrets: { a: { value: 'one' }, b: { value: 'two' } } } });
  await world.catalog.connectors.delete('thief', 'test');
  const before = await rows();
  await writeFile(kek, (await readFile(kek, 'utf8')) + newKey('new'));
  const count = before.length;
  expect(await replica.call('/secrets:rotate', {})).toMatchObject({
    status: 200,
    body: { key: 'new', secrets: count, rewrapped: count },
  });
  expect(await replica.call('/secrets:rotate', {})).toMatchObject({
    body: { key: 'new', secrets: count, rewrapped: 0 },
  });
  const after = await rows();
  expect(after.every(({ value }) => value.startsWith('sealed1.new.'))).toBe(true);
  expect(after.map(({ value }) => value.split('.')[3])).toEqual(before.map(({ value }) => value.split('.')[3]));
  await writeFile(kek, (await readFile(kek, 'utf8')).split('\n').slice(1).join('\n'));
  const [sync = ''] = await replica.syncNow('many');
  expect((await world.ended(sync)).state).toBe('delivered');
});

test('a connector whose value was never given waits for it and says whose turn it is', async () => {
  await world.write('waiting.csv', 'id\n1\n');
  await world.register(replica, { waiting: { secrets: { token: { stored: true } } } });
  const [sync = ''] = await replica.syncNow('waiting');
  expect((await world.ended(sync)).reason).toMatchObject({ code: 'connector.secret-missing', actor: 'department' });
  await world.register(replica, { waiting: { secrets: { token: { value: 'now' } } } });
  const [next = ''] = await replica.syncNow('waiting');
  expect((await world.ended(next)).state).toBe('delivered');
});

test('without a key no value is taken, and the refusal says what to set', async () => {
  const bare = await world.replica({ SONGHUA_KEK: '' });
  const refused = await bare.call('/connectors:apply', {
    resources: [
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name: 'sealed' },
        spec: { dataset: 'sealed', kind: 'file', config: { path: 'sealed.csv' }, ...given('another') },
      },
    ],
  });
  expect(JSON.stringify(refused.body)).toContain('SONGHUA_KEK');
  expect(JSON.stringify(refused.body)).not.toContain('another');
  await bare.stop();
});
