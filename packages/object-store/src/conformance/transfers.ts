import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { failure, TEXT, useStore } from './fixture.js';
import type { CreateStore } from './index.js';

const MIB = 1024 * 1024;
const LARGE = 128 * MIB + 17;
// One part, what the sockets hold, and what the collector has not yet taken.
const MAX_HELD = 48 * MIB;

export function testTransfers(name: string, create: CreateStore): void {
  describe(`${name}: files`, () => {
    const { store, key, path } = useStore(create);

    test('a small file goes and comes unchanged, and both sides measure the same', async () => {
      await writeFile(path('small'), 'a,b\n1,2\n');
      const sent = await store().putFile(key('small'), path('small'), 'text/csv');
      expect(sent).toEqual({ bytes: 8, sha256: createHash('sha256').update('a,b\n1,2\n').digest('hex') });
      expect(await store().download(key('small'), path('small-back'))).toEqual(sent);
    });

    test('a large file goes and comes unchanged in bounded memory', async () => {
      await writeLarge(path('large'));
      const held = watchMemory();
      const sent = await store().putFile(key('large'), path('large'), 'application/octet-stream');
      const back = await store().download(key('large'), path('large-back'));
      const most = held();
      expect(sent).toEqual({ bytes: LARGE, sha256: await hashOf(path('large')) });
      expect(back).toEqual(sent);
      expect(await hashOf(path('large-back'))).toBe(sent.sha256);
      expect(await store().stat(key('large'))).toMatchObject({ bytes: LARGE });
      expect(most).toBeLessThan(MAX_HELD);
    }, 120_000);

    test('a reader that leaves a large object in the middle costs nothing later', async () => {
      await writeFile(path('left'), Buffer.alloc(20 * MIB, 7));
      await store().putFile(key('left'), path('left'), TEXT);
      for (let i = 0; i < 80; i++) {
        const body = await store().read(key('left'));
        await new Promise((resolve) => body.once('readable', resolve));
        body.destroy();
      }
      expect(await store().stat(key('left'))).toMatchObject({ bytes: 20 * MIB });
    }, 60_000);

    test('a source file that is missing, a directory, or shrinks is the file’s failure and leaves no object', async () => {
      expect(await failure(store().putFile(key('never'), path('no-such'), TEXT))).toBe('object.local-file');
      await mkdir(path('directory'));
      expect(await failure(store().putFile(key('never'), path('directory'), TEXT))).toBe('object.local-file');
      await writeFile(path('shrinks'), '');
      let outcome: string | undefined = 'nothing';
      let sent = '';
      // Shrunken before the upload looks, the file is a short one that is sent; so it shrinks a little later each time.
      for (let later = 0; outcome === 'nothing' && later < 20; later++) {
        await truncate(path('shrinks'), 48 * MIB);
        sent = key(`never-${later}`);
        const upload = failure(store().putFile(sent, path('shrinks'), TEXT));
        for (let i = 0; i < later; i++) await access(path('shrinks'));
        await truncate(path('shrinks'), 10);
        outcome = await upload;
      }
      expect(outcome).toBe('object.local-file');
      expect(await store().stat(sent)).toBeUndefined();
    }, 60_000);

    test('a download that fails leaves no file', async () => {
      expect(await failure(store().download(key('no-such'), path('absent')))).toBe('object.missing');
      await expect(access(path('absent'))).rejects.toMatchObject({ code: 'ENOENT' });
      await store().put(key('target'), Buffer.from('x'), TEXT);
      expect(await failure(store().download(key('target'), path('no-such-directory/file')))).toBe('object.local-file');
    });
  });
}

/** Each block carries its number, so that a part in the wrong place shows. */
async function writeLarge(path: string): Promise<void> {
  const block = randomBytes(MIB);
  const file = await open(path, 'w');
  for (let written = 0; written < LARGE; written += block.length) {
    block.writeUInt32LE(written / MIB);
    await file.writeFile(block.subarray(0, Math.min(block.length, LARGE - written)));
  }
  await file.close();
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Watches the bytes of buffers from now on; the result tells the most that were held beyond the start. */
function watchMemory(): () => number {
  const now = () => process.memoryUsage().external;
  const start = now();
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, now() - start);
  }, 10);
  return () => {
    clearInterval(timer);
    return most;
  };
}
