import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createKeyring, newKey } from './keyring.js';
import { isSealed, rewrap, seal, sealedUnder, unseal } from './sealing.js';

const first = newKey('k1').trim();
const second = newKey('k2').trim();
const ring = createKeyring({ SONGHUA_KEK: first });
const both = createKeyring({ SONGHUA_KEK: `${first},${second}` });
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code,
  );

test('a sealed text opens in its own context and in no other, and two sealings of one text have nothing in common', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.array(fc.string(), { maxLength: 3 }), async (text, context) => {
      fc.pre(Buffer.from(text).toString() === text);
      const sealed = await seal(ring, context, text);
      expect(isSealed(sealed)).toBe(true);
      expect(await unseal(ring, context, sealed)).toBe(text);
      expect(await codeOf(unseal(ring, [...context, ''], sealed))).toBe('secret.unreadable');
      expect(await seal(ring, context, text)).not.toBe(sealed);
    }),
  );
  expect(await codeOf(unseal(ring, ['ab', 'c'], await seal(ring, ['a', 'bc'], 'x')))).toBe('secret.unreadable');
});

test('no byte of a sealed text can be changed', async () => {
  const sealed = await seal(ring, ['cn_1', 'password'], '口令 password');
  const [head = '', id = '', ...boxes] = sealed.split('.');
  for (const [index, box] of boxes.entries()) {
    const bytes = Buffer.from(box, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const bent = Buffer.from(bytes);
      bent[at] = (bent[at] ?? 0) ^ 1;
      const parts = boxes.map((one, i) => (i === index ? bent.toString('base64url') : one));
      const changed = [head, id, ...parts].join('.');
      expect(await codeOf(unseal(ring, ['cn_1', 'password'], changed))).toBe('secret.unreadable');
    }
  }
});

test('rewrapping changes the key and not the data, and needs doing once', async () => {
  const context = ['cn_1', 'password'];
  const sealed = await seal(ring, context, 'value');
  const again = await rewrap(both, context, sealed);
  expect([sealedUnder(sealed), sealedUnder(again)]).toEqual(['k1', 'k2']);
  expect(again.split('.')[3]).toBe(sealed.split('.')[3]);
  expect(await unseal(createKeyring({ SONGHUA_KEK: second }), context, again)).toBe('value');
  expect(await rewrap(both, context, again)).toBe(again);
  expect(await codeOf(unseal(createKeyring({ SONGHUA_KEK: second }), context, sealed))).toBe('secret.key-missing');
});

test('a key file is read again when it changes, and what is wrong with it is told without a byte of a key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-keyring-'));
  try {
    const path = join(folder, 'kek');
    await writeFile(path, `${first}\n`);
    const keyring = createKeyring({ SONGHUA_KEK_FILE: path });
    const sealed = await seal(keyring, ['x'], 'value');
    await writeFile(path, `${first}\n${second}\n`);
    expect((await keyring.newest()).id).toBe('k2');
    expect(await unseal(keyring, ['x'], sealed)).toBe('value');
    await writeFile(path, `${first}\nk3:short\n`);
    await expect(keyring.newest()).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(keyring.newest()).rejects.not.toThrow(first.slice(4, 20));
    expect(await codeOf(createKeyring({}).newest())).toBe('secret.no-key');
    expect(() => createKeyring({ SONGHUA_KEK: `${first},${first}` })).toThrow('a name of its own');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
