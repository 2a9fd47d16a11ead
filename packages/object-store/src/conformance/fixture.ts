import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { codeOf } from '@songhua/domain';
import type { ObjectStore } from '../types.js';
import type { CreateStore } from './index.js';

export const TEXT = 'text/plain; charset=utf-8';

export interface Fixture {
  store(): ObjectStore;
  /** A key below this run's own prefix. */
  key(name: string): string;
  /** A path in a directory of this run's own. */
  path(name: string): string;
}

/** A store with its bucket made, and a prefix and a directory that are removed at the end. Call inside `describe`. */
export function useStore(create: CreateStore): Fixture {
  const prefix = `conformance/${randomBytes(8).toString('hex')}`;
  let store: ObjectStore | undefined;
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'songhua-object-store-'));
    store = create();
    await store.ensureBucket();
  });
  afterAll(async () => {
    if (store) await store.delete((await listed(store, `${prefix}/`)).map((object) => object.key));
    await rm(directory, { recursive: true, force: true });
  });
  return {
    store: () => {
      if (!store) throw new Error('the store is made before the tests run');
      return store;
    },
    key: (name) => `${prefix}/${name}`,
    path: (name) => join(directory, name),
  };
}

export async function listed(store: ObjectStore, prefix: string) {
  const found = [];
  for await (const object of store.list(prefix)) found.push(object);
  return found;
}

/** The code that `work` fails with, or `nothing` when it does not fail. */
export async function failure(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return 'nothing';
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}

export async function textOf(body: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of body) text += chunk.toString();
  return text;
}
