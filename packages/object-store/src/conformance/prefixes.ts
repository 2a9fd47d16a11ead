import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ObjectStore } from '../types.js';
import { listed, TEXT, useStore } from './fixture.js';
import type { CreateStore } from './index.js';

export function testPrefixes(name: string, create: CreateStore): void {
  describe(`${name}: prefixes`, () => {
    const { store, key } = useStore(create);
    const prefix = `prefixes-${randomBytes(8).toString('hex')}/`;
    let staging: ObjectStore;
    let longer: ObjectStore;
    beforeAll(() => {
      staging = create({ prefix: `${prefix}staging/` });
      longer = create({ prefix: `${prefix}staging-2/` });
    });
    afterAll(async () => {
      for (const one of [staging, longer]) await one.delete((await listed(one, '')).map((object) => object.key));
    });

    test('stores of one bucket with different prefixes share nothing, and name their keys alike', async () => {
      for (const [index, one] of [store(), staging, longer].entries())
        expect(await one.putIfAbsent(key('same'), Buffer.from(String(index)), TEXT)).toBe('created');
      for (const [index, one] of [store(), staging, longer].entries()) {
        expect((await one.readAll(key('same'), 10)).toString()).toBe(String(index));
        expect(await one.stat(key('same'))).toMatchObject({ key: key('same') });
      }
      expect((await listed(staging, '')).map((object) => object.key)).toEqual([key('same')]);

      await staging.delete([key('same')]);
      expect(await listed(staging, '')).toEqual([]);
      expect((await listed(longer, '')).map((object) => object.key)).toEqual([key('same')]);
      expect(await store().stat(key('same'))).toBeDefined();
    });
  });
}
