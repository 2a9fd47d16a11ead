import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listsAtTop } from './lists.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-lists-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function listsIn(content: string | Buffer, maxBytes = 1_000_000): Promise<string[]> {
  const path = join(folder, 'body');
  await writeFile(path, content);
  return [...(await listsAtTop(path, maxBytes))];
}

test('the lists at the top of any JSON object are found, however it is written, also in gzip', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.stringMatching(/^[^"\\\p{Cc}]{1,8}$/u), fc.jsonValue()),
      fc.constantFrom(undefined, 2),
      fc.boolean(),
      async (object, indent, packed) => {
        const text = `\uFEFF${JSON.stringify(object, null, indent)}\n`;
        const lists = Object.entries(object).flatMap(([name, value]) => (Array.isArray(value) ? [name] : []));
        const content = packed ? gzipSync(text) : text;
        expect((await listsIn(content)).sort()).toEqual(lists.sort());
      },
    ),
    { numRuns: 200 },
  );
});

test.each([
  ['NDJSON of several objects', '{"records":[1]}\n{"records":[2]}\n'],
  ['a list', '[{"records":[1]}]'],
  ['CSV', 'records,deletes\n[1],[2]\n'],
  ['nothing', ''],
  ['damaged gzip', Buffer.from([0x1f, 0x8b, 0, 0, 0])],
])('%s has none', async (_, content) => expect(await listsIn(content)).toEqual([]));

test('what is larger than it may be is not read on', async () => {
  expect(await listsIn(gzipSync(`{"records":[${' '.repeat(2_000)}]}`), 1_000)).toEqual([]);
});
