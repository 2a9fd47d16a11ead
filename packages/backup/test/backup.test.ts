import { appendFileSync, existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keys } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import { backup, checkBackup, readBackup, restore, verifyRestored } from '../src/index.js';
import { createWorld, type World } from './world.js';

let world: World;
let to: string;
beforeEach(async () => {
  world = await createWorld();
  to = join(world.folder, 'saved');
  await world.publish('1\n');
  await world.publish('2\n');
});
afterEach(() => world.end());

const save = (store: ObjectStore = world.store) =>
  backup({ databaseUrl: world.databaseUrl, store, deployment: '', to });
const bringBack = async (place: Awaited<ReturnType<World['empty']>>) =>
  restore({ ...place, eventSource: '/songhua/catalog', from: to });
/** The place of a content in the folder. */
const placeOf = (sha256: string): string => join(to, 'objects', sha256.slice(0, 2), sha256);

test('what a backup saved comes back: every version with its files, every open landing with its parts, the audit log', async () => {
  const part = await world.land('3\n');
  const saved = await save();
  expect(saved.backup).toMatchObject({ totals: { datasets: 1, versions: 2, openSyncs: 1 }, problems: [] });
  expect(saved.backup.secrets).toEqual({ connectors: 1, keys: ['k1'] });
  expect(await checkBackup(to)).toMatchObject({ ok: true, versions: 2, objects: saved.backup.objects.count });

  const place = await world.empty();
  const restored = await bringBack(place);
  expect(restored).toMatchObject({ handedOver: 1, announced: 1, sent: { objects: saved.backup.objects.count } });
  expect(await verifyRestored({ ...place, from: to })).toMatchObject({
    ok: true,
    versions: 2,
    current: 1,
    audit: { ok: true },
  });
  expect((await place.store.readAll(part, 100)).toString()).toBe('landed 3\n');
});

test('a backup that is interrupted is never taken for a whole one, and the one before stays', async () => {
  const failing = (): ObjectStore => {
    let left = 3;
    return {
      ...world.store,
      download: (key, path) =>
        left-- > 0 ? world.store.download(key, path) : Promise.reject(new Error('the machine was switched off')),
    };
  };
  await expect(save(failing())).rejects.toThrow('switched off');
  await expect(readBackup(to)).rejects.toMatchObject({ code: 'backup.missing' });
  const whole = await save();
  for (const content of ['3\n', '4\n', '5\n']) await world.publish(content);
  await expect(save(failing())).rejects.toThrow('switched off');
  expect((await readBackup(to)).id).toBe(whole.backup.id);
  expect(await checkBackup(to)).toMatchObject({ ok: true, versions: 2 });
  await save();
  expect(await checkBackup(to)).toMatchObject({ ok: true, versions: 5 });
  expect(readdirSync(join(to, 'cuts'))).toHaveLength(1);
});

test('another backup into a folder copies what is new, and takes away what nothing names any more', async () => {
  const first = await save();
  const before = await world.publish('3\n');
  const second = await save();
  expect(second.copied.objects).toBe(4);
  expect(second.backup.objects.count).toBe(first.backup.objects.count + 4);
  // What a run that was interrupted a while ago left.
  const left = `${placeOf(before.files[0]?.sha256 ?? '')}0`;
  writeFileSync(left, 'left');
  utimesSync(left, 0, 0);
  await save();
  expect(existsSync(left)).toBe(false);
  expect(await checkBackup(to)).toMatchObject({ ok: true, versions: 3 });
});

test('what the bucket has lost is told and everything else is saved; what the folder has of it is kept', async () => {
  await save();
  const third = await world.publish('3\n');
  const lost = third.files[0]?.key ?? '';
  for await (const { key } of world.store.list('datasets/'))
    if (key.endsWith('data.csv') && key !== lost) await world.store.delete([key]);
  await world.store.put(lost, Buffer.from('4\n'), 'text/csv');
  const saved = await save();
  expect(saved.backup.problems).toMatchObject([{ key: lost, problem: 'damaged' }]);
  const place = await world.empty();
  await bringBack(place);
  const verdict = await verifyRestored({ ...place, from: to });
  expect(verdict).toMatchObject({ ok: false, versions: 2, audit: { ok: true } });
  expect(verdict.problems).toMatchObject([{ key: lost }]);
});

test('a damaged folder is refused before anything is changed, and a check says where it is', async () => {
  const { backup: whole } = await save();
  const table = join(to, 'cuts', whole.id, 'tables', 'version.gz');
  appendFileSync(table, 'x');
  const place = await world.empty();
  await expect(bringBack(place)).rejects.toMatchObject({ code: 'backup.damaged' });
  expect((await checkBackup(to)).problems).toMatchObject([{ key: 'version', problem: 'damaged' }]);
  for await (const { key } of place.store.list('')) throw new Error(`${key} was sent`);
});

test('an object that rotted in the folder is never restored as what it was', async () => {
  const manifest = await world.publish('3\n');
  await save();
  const file = placeOf(manifest.files[0]?.sha256 ?? '');
  expect(statSync(file).size).toBe(2);
  writeFileSync(file, '9\n');
  expect((await checkBackup(to)).problems).toMatchObject([{ key: manifest.files[0]?.key, problem: 'damaged' }]);
  const place = await world.empty();
  await expect(bringBack(place)).rejects.toMatchObject({ code: 'backup.damaged' });
  rmSync(file);
  await expect(bringBack(place)).rejects.toThrow();
});

test('where the bucket outlived the catalog only what it lacks is sent, and later heads of the audit log are noted, not held against it', async () => {
  await save();
  const after = await world.publish('3\n');
  const later = await world.catalog.audit.head();
  const head = keys.auditHead('2026-11-30');
  await world.store.put(head, Buffer.from(JSON.stringify(later)), 'application/json');
  const { databaseUrl } = await world.empty();
  const place = { databaseUrl, store: world.store };
  const restored = await bringBack(place);
  expect(restored).toMatchObject({ sent: { objects: 0 }, lostHeads: [later] });
  expect(await world.store.stat(head)).toBeUndefined();
  expect(await world.store.stat(after.files[0]?.key ?? '')).toBeDefined();
  expect(await verifyRestored({ ...place, from: to })).toMatchObject({ ok: true, versions: 2 });
});

test('what was pushed after the cut, and what became of whom, is told: the bucket has it and the catalog does not', async () => {
  await save();
  const [connector] = await world.catalog.connectors.list({});
  const kept = keys.pushed(connector?.id ?? '', 'later');
  const strange = keys.pushed('cn_later', 'later');
  for (const key of [kept, strange]) await world.store.put(key, Buffer.from('x'), 'application/octet-stream');
  const { databaseUrl } = await world.empty();
  const { unaccepted } = await bringBack({ databaseUrl, store: world.store });
  const owners = [
    { key: kept, pushedAt: expect.any(String), owner: { connector: 'quality', department: 'water-bureau' } },
    { key: strange, pushedAt: expect.any(String), owner: null },
  ];
  expect(unaccepted).toEqual({ count: 2, pushes: expect.arrayContaining(owners) });
});

test('a restore that broke off is done again', async () => {
  const saved = await save();
  const place = await world.empty();
  let left = 3;
  const failing: ObjectStore = {
    ...place.store,
    putFile: (key, path, type) =>
      left-- > 0 ? place.store.putFile(key, path, type) : Promise.reject(new Error('the machine was switched off')),
  };
  await expect(bringBack({ ...place, store: failing })).rejects.toThrow('switched off');
  const restored = await bringBack(place);
  expect(restored.sent.objects).toBeLessThan(saved.backup.objects.count);
  expect(await verifyRestored({ ...place, from: to })).toMatchObject({ ok: true, versions: 2 });
  await expect(bringBack(place)).rejects.toMatchObject({ code: 'restore.not-empty' });
});
