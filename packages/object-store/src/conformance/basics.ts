import { describe, expect, test } from '@jest/globals';
import { failure, listed, TEXT, textOf, useStore } from './fixture.js';
import type { CreateStore } from './index.js';

const RACERS = 32;

export function testBasics(name: string, create: CreateStore): void {
  describe(`${name}: objects`, () => {
    const { store, key } = useStore(create);

    test('an object reads back byte for byte, whole and by ranges', async () => {
      const body = Buffer.from('松花江 0123456789');
      expect(await store().put(key('plain'), body, TEXT)).toMatchObject({ bytes: body.length });
      expect(await store().readAll(key('plain'), 1000)).toEqual(body);
      expect(await textOf(await store().read(key('plain')))).toBe(body.toString());
      expect(await textOf(await store().read(key('plain'), { start: 10, end: 13 }))).toBe('0123');
      expect(await textOf(await store().read(key('plain'), { start: 0, end: 2 }))).toBe('松');
      expect(await textOf(await store().read(key('plain'), { start: body.length - 1, end: body.length - 1 }))).toBe(
        '9',
      );
    });

    test('an empty object is an object', async () => {
      await store().put(key('empty'), Buffer.alloc(0), TEXT);
      expect(await store().readAll(key('empty'), 0)).toHaveLength(0);
      expect(await store().stat(key('empty'))).toMatchObject({ bytes: 0 });
    });

    test('stat tells size and time of what is there, and nothing of what is not', async () => {
      await store().put(key('stat'), Buffer.from('12345'), TEXT);
      const info = await store().stat(key('stat'));
      expect(info).toMatchObject({ key: key('stat'), bytes: 5 });
      expect(Math.abs(Date.now() - (info?.modifiedAt.getTime() ?? 0))).toBeLessThan(3_600_000);
      expect(await store().stat(key('no-such'))).toBeUndefined();
    });

    test('reading what is not there is object.missing', async () => {
      expect(await failure(store().read(key('no-such')))).toBe('object.missing');
      expect(await failure(store().readAll(key('no-such'), 10))).toBe('object.missing');
    });

    test('readAll refuses more than it was told to expect', async () => {
      await store().put(key('large'), Buffer.alloc(1001), TEXT);
      expect(await failure(store().readAll(key('large'), 1000))).toBe('object.too-large');
      expect(await store().readAll(key('large'), 1001)).toHaveLength(1001);
    });

    test('of 32 racing writers of one key exactly one wins, and its bytes stay', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: RACERS }, (_, i) => store().putIfAbsent(key('race'), Buffer.from(`writer ${i}`), TEXT)),
      );
      const winners = outcomes.flatMap((outcome, i) => (outcome === 'created' ? [i] : []));
      expect(winners).toHaveLength(1);
      expect((await store().readAll(key('race'), 100)).toString()).toBe(`writer ${winners[0]}`);
      expect(await store().putIfAbsent(key('race'), Buffer.from('late'), TEXT)).toBe('exists');
    });

    test('list gives every key below a prefix once, beyond one page, and nothing else', async () => {
      const names = Array.from({ length: 1_005 }, (_, i) => key(`many/${String(i).padStart(4, '0')}`));
      for (let i = 0; i < names.length; i += 15)
        await Promise.all(names.slice(i, i + 15).map((name) => store().put(name, Buffer.from('x'), TEXT)));
      await store().put(key('many-more'), Buffer.from('x'), TEXT);
      const found = await listed(store(), key('many/'));
      expect(found.map((object) => object.key).sort()).toEqual(names);
      expect(found.every((object) => object.bytes === 1)).toBe(true);
      expect(await listed(store(), key('nothing-here/'))).toEqual([]);
    }, 60_000);

    test('keys of any script and sign are listed and read as they were written', async () => {
      const names = ['哈尔滨', 'a b+c', "quote'&<amp>", 'per%20cent', '1e5'].map((name) => key(`names/${name}`));
      for (const name of names) await store().put(name, Buffer.from(name), TEXT);
      expect((await listed(store(), key('names/'))).map((object) => object.key).sort()).toEqual([...names].sort());
      for (const name of names) expect((await store().readAll(name, 1000)).toString()).toBe(name);
      await store().delete(names);
      expect(await listed(store(), key('names/'))).toEqual([]);
    });

    test('delete removes what it names, and what is not there is no error', async () => {
      await store().put(key('gone/1'), Buffer.from('x'), TEXT);
      await store().put(key('stays'), Buffer.from('x'), TEXT);
      await store().delete([key('gone/1'), key('gone/2')]);
      await store().delete([]);
      expect(await store().stat(key('gone/1'))).toBeUndefined();
      expect(await store().stat(key('stays'))).toBeDefined();
    });

    test('a key that could leave its place is refused before it is sent', async () => {
      for (const bad of ['', '/a', 'a//b', 'a/../b', 'a/.', 'nul\0', 'x'.repeat(1025)])
        expect(await failure(store().put(bad, Buffer.alloc(0), TEXT))).toBe('object.invalid-key');
    });

    test('ping answers where the bucket is, and says that it is missing where it is not', async () => {
      await store().ping();
      expect(await failure(create({ bucket: 'songhua-no-such-bucket' }).ping())).toBe('object.bucket-missing');
    });

    test('ensureBucket makes the bucket once, however many ask at once', async () => {
      await Promise.all(Array.from({ length: 4 }, () => store().ensureBucket()));
    });
  });
}
