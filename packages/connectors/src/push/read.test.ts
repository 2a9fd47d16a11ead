import { writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Pushed, PushedItem, ReadContext, SourceMessage } from '@songhua/connector-sdk';
import { withFolder } from '@songhua/runtime';
import type { PushConfig } from './push.js';
import { readPushed } from './read.js';

const item = (number: number, bytes: number, more: Partial<PushedItem> = {}): PushedItem => ({
  number,
  bytes,
  name: `${number}.csv`,
  sha256: 'x',
  apart: false,
  fetch: (path) => writeFile(path, `id\n${number}\n`),
  ...more,
});

/** What is said to be read of `items`, and the cursor after it. */
const read = (items: PushedItem[], mode: 'full' | 'append' = 'append') =>
  withFolder('/tmp', 'push', async (tempDir) => {
    const said: number[] = [];
    const pushed: Pushed = {
      after: async () => items,
      reading: async (wanted) => void said.push(...wanted.map(({ number }) => number)),
    };
    const context = {
      config: {},
      mode,
      primaryKey: [],
      signal: new AbortController().signal,
      tempDir,
      limits: { maxBytes: 1000, timeoutMs: 10_000 },
      cursor: undefined,
    } as unknown as ReadContext<PushConfig>;
    const messages: SourceMessage[] = [];
    for await (const message of readPushed(context, pushed)) messages.push(message);
    const end = messages.find((message) => message.type === 'end');
    return { said, cursor: end?.type === 'end' ? end.cursor : undefined };
  });

test('of pushes that wait together as many are read as fit, and the cursor goes no further', async () => {
  const items = [item(1, 600), item(3, 300), item(4, 200), item(5, 1)];
  expect(await read(items)).toEqual({ said: [1, 3], cursor: { version: 1, number: 3 } });
});

test('nothing is read together with one that is apart and came before it', async () => {
  const items = [item(1, 1), item(2, 1, { apart: true }), item(3, 1, { apart: true })];
  expect(await read(items)).toEqual({ said: [1, 2], cursor: { version: 1, number: 2 } });
});

test('one that is too large alone is too large, and is said to be read', async () => {
  await expect(read([item(1, 1001), item(2, 1)])).rejects.toMatchObject({ code: 'source.too-large' });
});

test('in mode full the newest alone is read', async () => {
  expect(await read([item(1, 900), item(2, 900)], 'full')).toEqual({ said: [2], cursor: { version: 1, number: 2 } });
});
