import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse as parseCsv } from 'csv-parse/sync';
import { type Songhua, songhuaIn } from '../harness/cli.js';
import { blocksOf, notShown, type Ran, walk, writeFiles } from '../harness/manual.js';

const root = resolve(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'songhua-walkthrough-'));
const document = readFileSync(join(root, 'docs/first-sync.md'), 'utf8');

const blocks = blocksOf(document);

// What the machine that runs the test has set is not what a reader has.
const OWN_HOME = { SONGHUA_HOME: undefined, SONGHUA_API: undefined, SONGHUA_API_KEY: undefined };
const songhua: Songhua = songhuaIn({ cwd: folder, env: OWN_HOME });
let commands: Ran[];

beforeAll(() => {
  writeFiles(blocks, folder);
  commands = walk({ blocks, folder, env: OWN_HOME });
}, 600_000);

afterAll(async () => {
  await songhua('down', '--wipe');
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const squeeze = (text: string): string => text.replace(/[^\S\n]+/g, ' ').trim();
const rowsOf = (text: string): string[][] => (parseCsv(text) as string[][]).sort();

describe('the walkthrough', () => {
  test('ends every command with 0', () => {
    expect(commands.filter(({ code }) => code !== 0)).toEqual([]);
  });

  test('shows what the commands print', () => {
    expect(notShown(blocks, commands)).toEqual([]);
  });

  test('publishes the rows of the source, except the one that it says is rejected', async () => {
    const source = readFileSync(join(folder, 'inbox/scores-2026.csv'), 'utf8').replace(/^.*待定\n/m, '');
    const numbers = (text: string): unknown[] =>
      rowsOf(text).map(([school, year, batch, score]) => [school, year, batch, Number(score)]);
    expect(numbers(readFileSync(join(folder, 'published.csv'), 'utf8'))).toEqual(numbers(source));
    await songhua('versions', 'download', 'schools', '--file', 'data.csv', '-o', 'schools.out.csv');
    expect(rowsOf(readFileSync(join(folder, 'schools.out.csv'), 'utf8'))).toEqual(
      rowsOf(readFileSync(join(folder, 'inbox/schools.csv'), 'utf8')),
    );
  });

  test('takes five commands to the first published version', () => {
    const published = commands.findIndex(({ text }) => text.includes('versions download')) + 1;
    console.log(
      `walkthrough: ${published} commands from an empty folder to a published file, ${commands.length} in all`,
    );
    expect(published).toBe(5);
  });
});

describe('what is registered', () => {
  const exported = (): Promise<string> => songhua('export');

  test('shows in plan when somebody changed it past the files', async () => {
    await songhua('export', 'Dataset/schools').then((text) =>
      writeFileSync(join(folder, 'edited.yaml'), text.replace('frequency: ANNUAL', 'frequency: DAILY')),
    );
    await songhua('apply', '-f', 'edited.yaml');
    const plan = await songhua('plan', '-f', 'registered.yaml');
    expect(plan).toContain('0 to create, 1 to change, 5 unchanged');
    expect(squeeze(plan)).toMatch(/Dataset\/schools[\s\S]*spec\.frequency.*DAILY.*ANNUAL/);
    await expect(songhua('plan', '-f', 'registered.yaml', '--check')).rejects.toThrow('ended with 1');
  });

  test('is the same to the byte after export, apply on an empty system, and export', async () => {
    const before = await exported();
    writeFileSync(join(folder, 'all.yaml'), before);
    await songhua('down', '--wipe');
    await songhua('up', '--file-root', 'inbox');
    expect(await exported()).toBe('');
    expect(await songhua('apply', '-f', 'all.yaml')).toContain('created 6');
    expect(await exported()).toBe(before);
    expect(await songhua('apply', '-f', 'all.yaml')).toContain('unchanged 6');
  }, 120_000);
});
