import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { hashApiKey, newApiKey } from '@songhua/domain';
import { type Catalog, createCatalog } from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';

let database: TestDatabase;
let catalog: Catalog;

beforeAll(async () => {
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  await catalog.estate.apply(
    [{ apiVersion: 'songhua/v1', kind: 'Department', metadata: { name: 'education' }, spec: { title: '教育局' } }],
    'test',
  );
});
afterAll(async () => {
  await catalog.close();
  await database.drop();
});

const newest = async (): Promise<object | undefined> => (await catalog.audit.list({ limit: 1 }))[0];

test('of a key only its hash is stored, with what it may do and who made it', async () => {
  const made = newApiKey();
  const entry = await catalog.access.createKey(
    made,
    { title: 'push', role: 'department', department: 'education', actions: ['ingest.push'] },
    'key:maker',
  );
  expect(entry).toMatchObject({ id: made.id, state: 'active', createdBy: 'key:maker', lastUsedAt: null });
  expect(made.key.startsWith(entry.prefix)).toBe(true);
  expect(await catalog.access.key(made.id)).toEqual({
    hash: hashApiKey(made.key),
    state: 'active',
    noted: false,
    principal: { id: `key:${made.id}`, role: 'department', department: 'education', actions: ['ingest.push'] },
  });
  expect(JSON.stringify([await catalog.access.keys(), await catalog.audit.list({ limit: 100 })])).not.toContain(
    made.key.slice(entry.prefix.length),
  );
  expect(await newest()).toMatchObject({ actor: 'key:maker', action: 'key.create', subject: `ApiKey/${made.id}` });
});

test('a key of a department that does not exist is refused, and no audit row stays of it', async () => {
  const before = await catalog.audit.head();
  await expect(
    catalog.access.createKey(newApiKey(), { title: 'x', role: 'department', department: 'nobody' }, 'test'),
  ).rejects.toMatchObject({ code: 'catalog.reference' });
  expect(await catalog.audit.head()).toEqual(before);
});

test('a revoked key stays revoked, with the first time', async () => {
  const made = newApiKey();
  await catalog.access.createKey(made, { title: 'x', role: 'reviewer' }, 'test');
  const first = await catalog.access.revokeKey(made.id, 'key:a');
  expect(first?.state).toBe('revoked');
  expect(await catalog.access.revokeKey(made.id, 'key:b')).toEqual(first);
  expect(await newest()).toMatchObject({ actor: 'key:a', action: 'key.revoke' });
  expect(await catalog.access.revokeKey('0123456789ab', 'key:b')).toBeUndefined();
  expect(await catalog.access.rotateKey(made.id, newApiKey(), 0, 'test')).toBeUndefined();
});

test('rotation makes a key with the same rights and ends the old one after the grace', async () => {
  const [old, kept, next, other] = [newApiKey(), newApiKey(), newApiKey(), newApiKey()];
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  await catalog.access.createKey(old, { title: 'x', role: 'department', department: 'education', expiresAt }, 'test');
  await catalog.access.createKey(kept, { title: 'y', role: 'portal' }, 'test');
  const rotated = await catalog.access.rotateKey(old.id, next, 0, 'key:a');
  expect(rotated).toMatchObject({ id: next.id, title: 'x', department: 'education', state: 'active' });
  for (const time of [rotated?.createdAt, rotated?.expiresAt]) expect(time).toBe(new Date(time ?? '').toISOString());
  expect(Math.abs(Date.parse(rotated?.expiresAt ?? '') - Date.parse(expiresAt))).toBeLessThan(10_000);
  expect((await catalog.access.key(old.id))?.state).toBe('expired');
  expect(await catalog.access.rotateKey(kept.id, other, 3600, 'key:a')).toMatchObject({ expiresAt: null });
  expect((await catalog.access.key(kept.id))?.state).toBe('active');
});

test('the first operator is stored once, and not brought back when revoked', async () => {
  const { key, id } = newApiKey();
  expect([await catalog.access.ensureOperator(key), await catalog.access.ensureOperator(key)]).toEqual([true, false]);
  await catalog.access.revokeKey(id, 'test');
  expect(await catalog.access.ensureOperator(key)).toBe(false);
  expect((await catalog.access.key(id))?.state).toBe('revoked');
  await expect(catalog.access.ensureOperator('sk_short')).rejects.toMatchObject({ code: 'access.key-form' });
});

test('use of a key is noted to the hour', async () => {
  const made = newApiKey();
  await catalog.access.createKey(made, { title: 'x', role: 'portal' }, 'test');
  await Promise.all([catalog.access.touch(made.id), catalog.access.touch(made.id)]);
  const used = (await catalog.access.keys()).find((key) => key.id === made.id)?.lastUsedAt ?? '';
  expect(new Date(used).getTime() % 3_600_000).toBe(0);
  expect((await catalog.access.key(made.id))?.noted).toBe(true);
});
