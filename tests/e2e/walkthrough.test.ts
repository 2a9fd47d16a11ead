import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse as parseCsv } from 'csv-parse/sync';
import { type Songhua, songhuaIn } from '../harness/cli.js';

const root = resolve(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'songhua-walkthrough-'));
const document = readFileSync(join(root, 'docs/first-sync.md'), 'utf8');

interface Block {
  /** After the fence: `sh`, `text`, or a language and the file that holds the text. */
  info: string;
  text: string;
}
interface Command {
  text: string;
  /** What the document shows below the block that it is in. */
  block: number;
  code: number;
  stdout: string;
}

const blocks: Block[] = [...document.matchAll(/```([^\n]+)\n([\s\S]*?)```/g)].map(([, info = '', text = '']) => ({
  info,
  text,
}));
const END = '@@end';

/** Runs the document's shell blocks in one shell, as somebody who copies them line by line. */
function walk(): Command[] {
  const commands = blocks.flatMap(({ info, text }, block) =>
    info === 'sh'
      ? text
          .split('\n')
          .filter(Boolean)
          .map((line) => ({ text: line, block }))
      : [],
  );
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  // The folder is no checkout, where `npx songhua` would find the command line.
  writeFileSync(
    join(bin, 'npx'),
    `#!/bin/sh\n[ "$1" = songhua ] || exit 127\nshift\nexec '${process.execPath}' '${join(root, 'packages/cli/bin/songhua.js')}' "$@"\n`,
  );
  chmodSync(join(bin, 'npx'), 0o755);
  const script = commands.map(({ text }) => `${text}\necho "${END} $?"`).join('\n');
  const { stdout, stderr } = spawnSync('sh', ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...OWN_HOME, PATH: `${bin}${delimiter}${process.env.PATH}` },
    maxBuffer: 1 << 26,
    // Jest's own limit cannot end a call that blocks.
    timeout: 240_000,
  });
  const ends = [...stdout.matchAll(new RegExp(`([\\s\\S]*?)${END} (\\d+)\\n`, 'g'))];
  if (ends.length !== commands.length) throw new Error(`the shell ended early\n${stdout}\n${stderr}`);
  if (ends.some(([, , code]) => code !== '0')) process.stderr.write(stderr);
  return commands.map((command, at) => ({
    ...command,
    stdout: ends[at]?.[1] ?? '',
    code: Number(ends[at]?.[2]),
  }));
}

// What the machine that runs the test has set is not what a reader has.
const OWN_HOME = { SONGHUA_HOME: undefined, SONGHUA_API: undefined, SONGHUA_API_KEY: undefined };
const songhua: Songhua = songhuaIn({ cwd: folder, env: OWN_HOME });
let commands: Command[];

beforeAll(() => {
  for (const { info, text } of blocks) {
    const [, file] = info.split(' ');
    if (file === undefined) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  commands = walk();
}, 300_000);

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
    for (const [at, { info, text }] of blocks.entries()) {
      if (info !== 'text') continue;
      const printed = squeeze(
        commands
          .filter(({ block }) => block === at - 1)
          .map(({ stdout }) => stdout)
          .join(''),
      ).split('\n');
      for (const line of squeeze(text).split('\n').map(squeeze)) {
        const start = line.endsWith('…') ? line.slice(0, -1).trim() : undefined;
        const shown = printed.map(squeeze);
        expect({
          line,
          shown: shown.some((one) => (start === undefined ? one === line : one.startsWith(start))),
          printed: shown,
        }).toMatchObject({ line, shown: true });
      }
    }
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
