import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { summarySchema } from '@songhua/contracts';
import { type Block, blocksOf, linesOf, notShown, walk, writeFiles } from '../harness/manual.js';

const root = resolve(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'songhua-readme-'));
const home = join(folder, '.songhua');

/** In the order of a reader who goes from one to the next; all on one system. */
const MANUALS = ['README.md', 'docs/register.md', 'docs/operate.md', 'docs/consume.md'];

/** What is not run here, by how the line begins, and why. */
const NOT_RUN: Record<string, string> = {
  'npm run demo': 'runs before everything else, smaller',
  'npm test': 'is what runs this',
  'npx songhua syncs cancel': 'cancels a read that goes on: waiting.test.ts does',
  'npx songhua bench estate': 'has a test of its own below',
  'npm run build && node tests/performance': 'takes minutes, and measures',
  'npm run build && node tests/fuzz': 'takes ten minutes; fuzz.test.ts runs the shorter one',
  'SONGHUA_COLLECTION_SCALE=1': 'takes hours; collection.test.ts runs the shorter one',
  'SONGHUA_TEST_COLLECTIONS=500': 'takes an hour; collection.test.ts of the catalog service runs the shorter one',
  'npm run build && node tests/faults/campaign': 'takes hours; campaign.test.ts runs the shorter one',
  SONGHUA_MODEL_RUNS: 'takes an hour; its test runs the shorter one',
  'songhua ': 'is for a system that was lost: restore.test.ts is the drill',
  'npm run build && node tests/pollock': 'needs the files of the Pollock benchmark',
};
const reasonNotToRun = (line: string): string | undefined =>
  Object.entries(NOT_RUN).find(([start]) => line.startsWith(start))?.[1];

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `songhua` as a user would, in an empty folder with a state folder of its own. */
function songhua(...args: string[]): Ended {
  return songhuaWith({}, ...args);
}

function songhuaWith(env: Record<string, string>, ...args: string[]): Ended {
  const ended = spawnSync(process.execPath, [join(root, 'packages/cli/bin/songhua.js'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, SONGHUA_HOME: home, ...env },
    maxBuffer: 1 << 26,
  });
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

const withoutComment = (line: string): string => line.replace(/\s+#.*$/, '');

let demo: Ended;

beforeAll(() => {
  demo = songhua('demo', '--scale', '0.003', '--json');
}, 600_000);

afterAll(() => {
  songhua('down', '--wipe');
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe('the README', () => {
  test('has a demo whose last line is one JSON summary that agrees with the API', () => {
    expect({ code: demo.code, stderr: demo.code === 0 ? '' : demo.stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(demo.stdout.trim().split('\n').at(-1) ?? '') as {
      failed: unknown[];
      stages: object;
      seconds: number;
    };
    const status = JSON.parse(songhua('status', '--json').stdout) as { healthy: boolean; summary: unknown };
    expect(document).toMatchObject(summarySchema.parse(status.summary));
    expect(document).toMatchObject({ departments: 53, domains: 14, failed: [], seconds: expect.any(Number) });
    expect(status.healthy).toBe(true);
  });
});

describe('the manuals', () => {
  const read = (path: string): Block[] => blocksOf(readFileSync(join(root, path), 'utf8'));
  const json = (...args: string[]) => JSON.parse(songhua(...args, '--json').stdout);

  test.each(MANUALS)(
    '%s has only commands that work, in the order they stand there, and shows what they print',
    (path) => {
      const blocks = read(path);
      writeFiles(blocks, folder);
      const [newest] = json('syncs', 'list', '--limit', '1').items;
      const [rejected] = json('quarantine', 'list').items;
      const { id } = json('keys', 'create', '--title', 'to be revoked', '--role', 'portal');
      const instead = (line: string): string | undefined => {
        if (reasonNotToRun(line) !== undefined) return undefined;
        if (/songhua down\b/.test(line))
          return `npx songhua status --json > before.json; ${withoutComment(line)} && ! npx songhua status`;
        if (/songhua up\b/.test(line)) return `${withoutComment(line)} && npx songhua status --json > after.json`;
        return line.replace(/\bSYNC\b/, /quarantine/.test(line) ? rejected.sync : newest.id).replace(/\bID\b/, id);
      };
      const ran = walk({ blocks, folder, env: { SONGHUA_HOME: home }, instead });
      expect(ran.length).toBeGreaterThan(3);
      expect(ran.filter(({ code }) => code !== 0)).toEqual([]);
      expect(notShown(blocks, ran)).toEqual([]);
    },
    600_000,
  );

  test('leave the totals as they were after down and up', () => {
    const totals = (file: string): { records: number; versions: number } => {
      const { summary } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      return { records: summary.records, versions: summary.versions };
    };
    expect(totals('after.json')).toEqual(totals('before.json'));
    expect(totals('after.json').versions).toBeGreaterThan(0);
  });

  test('have every line that is not run', () => {
    const lines = MANUALS.flatMap((path) => linesOf(read(path)));
    const stale = Object.keys(NOT_RUN).filter((start) => !lines.some(({ text }) => text.startsWith(start)));
    expect(stale).toEqual([]);
  });
});

test('npx songhua in the checkout is this command line', () => {
  const shim = join(root, 'node_modules/.bin/songhua');
  const ended = spawnSync(shim, ['--help'], { encoding: 'utf8' });
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringContaining('songhua') });
});

describe('credentials', () => {
  const made = (): { id: string; key: string } =>
    JSON.parse(songhua('keys', 'create', '--title', 'e2e', '--role', 'reviewer', '--json').stdout);

  test('a key that is made works from anywhere until it is revoked', () => {
    const { id, key } = made();
    const api = JSON.parse(songhua('status', '--json').stdout).apiUrl as string;
    const elsewhere = { SONGHUA_HOME: join(folder, 'elsewhere'), SONGHUA_API: api };
    expect(songhuaWith({ ...elsewhere, SONGHUA_API_KEY: key }, 'whoami')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('reviewer'),
    });
    expect(songhuaWith(elsewhere, 'whoami')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/access\.missing.*SONGHUA_API_KEY/),
    });
    expect(songhua('keys', 'revoke', id).code).toBe(0);
    expect(songhuaWith({ ...elsewhere, SONGHUA_API_KEY: key }, 'whoami')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/access\.invalid.*revoked/),
    });
  });

  test('the operator key of the state folder is never sent to another system', () => {
    const api = JSON.parse(songhua('status', '--json').stdout).apiUrl as string;
    expect(songhuaWith({ SONGHUA_API: api }, 'keys', 'list')).toMatchObject({ code: 1 });
  });

  test('the audit log verifies with its count, against a head noted before, and not against one that never was', () => {
    const head = songhua('audit', 'head').stdout.trim();
    const verdict = JSON.parse(songhua('audit', 'verify', '--head', head, '--json').stdout);
    expect(verdict).toMatchObject({ ok: true, bad: null });
    expect(verdict.count).toBeGreaterThan(100);
    const other = `1:${'0'.repeat(64)}`;
    expect(songhua('audit', 'verify', '--head', other)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^row 1 /),
    });
    expect(songhua('audit', 'verify', '--head', 'now').code).toBe(2);
  });
});

describe('wrong usage', () => {
  test.each([
    [['frobnicate'], 2],
    [['sync'], 2],
    [['demo', '--scale', 'big'], 2],
    [['apply', '-f', 'nowhere.yaml'], 2],
    [['bench', 'estate', '--dir', '/nowhere'], 2],
    [['datasets', 'show', 'no-such-dataset'], 2],
  ])('%j ends with %i and says what to do', (command, code) => {
    const ended = songhua(...command);
    expect(ended.code).toBe(code);
    expect(ended.stderr.length).toBeGreaterThan(10);
  });

  test('a resource file with mistakes names file, document and field, and applies nothing', () => {
    writeFileSync(
      join(folder, 'bad.yaml'),
      'apiVersion: songhua/v1\nkind: Connector\nmetadata: { name: Bad Name }\nspec: { dataset: x }\n',
    );
    const { code, stderr } = songhua('apply', '-f', 'bad.yaml');
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.yaml document 1: .*metadata\.name/s);
    expect(stderr).toMatch(/spec\.kind/);
  });

  test('a bench of a small folder measures and leaves nothing behind', () => {
    const estate = mkdtempSync(join(folder, 'estate-'));
    writeFileSync(join(estate, '学校 list.csv'), 'id,名称\n1,一中\n2,三中\n');
    writeFileSync(
      join(estate, 'plain.csv'),
      `id,value\n${Array.from({ length: 5000 }, (_, i) => `${i},${i * 3}`).join('\n')}\n`,
    );
    const { code, stdout, stderr } = songhua('bench', 'estate', '--dir', estate, '--json');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      datasets: 2,
      rows: 5002,
      cold: { seconds: expect.any(Number) },
      noChange: { seconds: expect.any(Number) },
      oneChange: { seconds: expect.any(Number) },
    });
  }, 120_000);
});
