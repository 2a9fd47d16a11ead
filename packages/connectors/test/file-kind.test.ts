import { appendFile, link, mkdir, mkdtemp, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { createFileConnector, type FileConfig } from '../src/index.js';
import { endOf, LOOPBACK, readOnce, rowsOf, runsOf, typesOf } from './reading.js';

let base: string;
let root: string;
let connector: Connector<FileConfig>;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'songhua-kind-'));
  root = join(base, 'root');
  await mkdir(join(root, 'inbox'), { recursive: true });
  connector = createFileConnector({ roots: [root] });
});
afterEach(() => rm(base, { recursive: true, force: true }));

const put = (name: string, text: string): Promise<void> => writeFile(join(root, name), text);
const read = (path: string, options: Parameters<typeof readOnce>[2] = {}) => readOnce(connector, { path }, options);
const old = (name: string): Promise<void> => utimes(join(root, name), 1_500_000_000, 1_500_000_000);

describe('a glob', () => {
  test('is one table: files in order of name, columns matched by name, missing cells empty', async () => {
    await put('inbox/scores-2016.csv', 'school,score\n一中,"5,1"\n');
    await put('inbox/scores-2017.csv', 'score,school,note\n520,二中,x\n530,三中,"a\nb"\n');
    const messages = await read('inbox/scores-*.csv');
    expect(messages[0]).toMatchObject({ columns: [{ name: 'school' }, { name: 'score' }, { name: 'note' }] });
    expect(rowsOf(messages)).toEqual([
      ['一中', '5,1', ''],
      ['二中', '520', 'x'],
      ['三中', '530', 'a\nb'],
    ]);
    const { files } = endOf(messages);
    expect(files.map((file) => file.name)).toEqual(['inbox/scores-2016.csv', 'inbox/scores-2017.csv']);
    expect(runsOf(messages)).toEqual([
      { row: 0, line: 2, file: 0 },
      { row: 1, line: 2, file: 1 },
    ]);
  });

  test('that gains or loses a file is changed', async () => {
    await put('inbox/a.csv', 'x,y\n1,2\n');
    await put('inbox/b.csv', 'x,y\n3,4\n');
    const { cursor } = endOf(await read('inbox/*.csv'));
    expect(typesOf(await read('inbox/*.csv', { cursor }))).toEqual(['unchanged']);
    await rm(join(root, 'inbox/b.csv'));
    expect(rowsOf(await read('inbox/*.csv', { cursor }))).toEqual([['1', '2']]);
  });

  test('characters in a real name are that name first', async () => {
    await put('inbox/data[1].csv', 'x,y\n1,2\n');
    await put('inbox/data1.csv', 'x,y\n3,4\n');
    expect(rowsOf(await read('inbox/data[1].csv'))).toEqual([['1', '2']]);
  });
});

describe('validators', () => {
  test('of a file at rest make the next check read nothing', async () => {
    await put('a.csv', 'x,y\n1,2\n');
    const { cursor } = endOf(await read('a.csv'));
    const first = await read('a.csv', { cursor });
    expect(first).toEqual([{ type: 'unchanged', validators: expect.anything() }]);
    const settled = structuredClone(cursor) as { files: { racy: boolean }[] };
    for (const file of settled.files) file.racy = false;
    expect(await read('a.csv', { cursor: settled })).toEqual([{ type: 'unchanged' }]);
  });

  test('of a file touched within two seconds are racy, so a change that they do not show is found by content', async () => {
    await put('a.csv', 'x,y\n1,2\n');
    const { cursor } = endOf(await read('a.csv'));
    const [seen] = (cursor as { files: { racy: boolean }[] }).files;
    expect(seen?.racy).toBe(true);
    await put('a.csv', 'x,y\n1,3\n');
    const now = await stat(join(root, 'a.csv'), { bigint: true });
    const forged = {
      ...cursor,
      files: [{ ...seen, mtimeNs: String(now.mtimeNs), ctimeNs: String(now.ctimeNs), inode: String(now.ino) }],
    };
    expect(rowsOf(await read('a.csv', { cursor: forged }))).toEqual([['1', '3']]);
  });

  test('differ for a file that was replaced by one with the same size and times', async () => {
    await put('a.csv', 'x,y\n1,2\n');
    await old('a.csv');
    const { cursor } = endOf(await read('a.csv'));
    await put('b.csv', 'x,y\n1,3\n');
    await old('b.csv');
    await rename(join(root, 'b.csv'), join(root, 'a.csv'));
    expect(rowsOf(await read('a.csv', { cursor }))).toEqual([['1', '3']]);
  });
});

describe('a file that changes while it is read', () => {
  test('ends as changed-while-reading, which may be tried again', async () => {
    await put('a.csv', `x,y\n${'1,2\n'.repeat(400_000)}`);
    const reading = (async () => {
      const context = {
        config: connector.configSchema.parse({ path: 'a.csv' }),
        secrets: {},
        cursor: undefined,
        signal: new AbortController().signal,
        tempDir: base,
        limits: { maxBytes: 1e9, timeoutMs: 30_000 },
        mode: 'full' as const,
        primaryKey: [],
        network: LOOPBACK,
      };
      for await (const message of connector.read(context))
        if (message.type === 'rows') await appendFile(join(root, 'a.csv'), '3,"');
    })();
    await expect(reading).rejects.toMatchObject({ code: 'source.changed-while-reading', retryable: true });
  });
});

describe('paths', () => {
  test("may begin with the root folder's own name", async () => {
    await put('inbox/a.csv', 'x\n1\n');
    expect(rowsOf(await read('root/inbox/*.csv'))).toEqual([['1']]);
    expect(rowsOf(await read('root/inbox/a.csv'))).toEqual([['1']]);
  });

  test.each(['../secret.csv', 'inbox/../../secret.csv', '/etc/passwd', 'a\0.csv', '..\\secret.csv'])(
    '%j is refused',
    async (path) => {
      await writeFile(join(base, 'secret.csv'), 'x,y\n1,2\n');
      await expect(read(path)).rejects.toMatchObject({ code: 'connector.path-refused', actor: 'operator' });
    },
  );

  test('a link that leads out of the root is refused by name and by folder, and left out of a glob', async () => {
    await writeFile(join(base, 'secret.csv'), 'x,y\n1,2\n');
    await symlink(join(base, 'secret.csv'), join(root, 'inbox/link.csv'));
    await symlink(base, join(root, 'up'));
    for (const path of ['inbox/link.csv', 'up/secret.csv'])
      await expect(read(path)).rejects.toMatchObject({ code: 'connector.path-refused' });
    await expect(read('inbox/*.csv')).rejects.toMatchObject({ code: 'source.missing' });
    await expect(read('**/*.csv')).rejects.toMatchObject({ code: 'source.missing' });
  });

  test('a link inside the root, a hard link, and an absolute path inside the root are read', async () => {
    await put('a.csv', 'x,y\n1,2\n');
    await symlink(join(root, 'a.csv'), join(root, 'b.csv'));
    await link(join(root, 'a.csv'), join(root, 'c.csv'));
    for (const path of ['b.csv', 'c.csv', join(root, 'a.csv')]) expect(rowsOf(await read(path))).toEqual([['1', '2']]);
  });

  test("what lies in another department's folder is not there, by name, by link, by glob, also where a folder for all is around it", async () => {
    await put('all.csv', 'x\n1\n');
    for (const folder of ['tax', 'health']) await mkdir(join(root, folder));
    await put('tax/a.csv', 'x\n2\n');
    await put('health/a.csv', 'x\n3\n');
    await symlink(join(root, 'health/a.csv'), join(root, 'tax/link.csv'));
    const roots = [root, `tax=${join(root, 'tax')}`, `health=${join(root, 'health')}`];
    const shared = createFileConnector({ roots });
    const readAs = async (department: string, path: string): Promise<string[][] | string> =>
      readOnce(shared, { path }, { department }).then(rowsOf, (error: { code: string }) => error.code);
    expect(await readAs('tax', 'a.csv')).toEqual([['2']]);
    expect(await readAs('tax', 'tax/a.csv')).toEqual([['2']]);
    expect(await readAs('tax', 'all.csv')).toEqual([['1']]);
    expect(await readAs('tax', '*/*.csv')).toEqual([['2']]);
    expect(await readAs('tax', 'health/a.csv')).toBe('source.missing');
    expect(await readAs('tax', join(root, 'health/a.csv'))).toBe('source.missing');
    expect(await readAs('tax', 'tax/link.csv')).toBe('connector.path-refused');
    expect(await readAs('health', 'a.csv')).toEqual([['3']]);
    expect(await readAs('culture', '*/*.csv')).toBe('source.missing');
  });

  test('nothing is read without an allowed root', async () => {
    const closed = createFileConnector({ roots: [] });
    await expect(readOnce(closed, { path: 'a.csv' })).rejects.toMatchObject({ code: 'connector.path-refused' });
  });

  test('a folder, or a glob without a match, says what to do', async () => {
    await expect(read('inbox')).rejects.toMatchObject({ code: 'source.unreadable' });
    await expect(read('inbox/*.csv')).rejects.toMatchObject({ code: 'source.missing', actor: 'department' });
  });

  test('more bytes than the limit are refused before reading', async () => {
    await put('a.csv', 'x,y\n1,2\n');
    await expect(read('a.csv', { maxBytes: 3 })).rejects.toMatchObject({ code: 'source.too-large' });
  });
});
