import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { summarySchema } from '@songhua/contracts';

const root = resolve(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'songhua-readme-'));
const home = join(folder, 'home');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

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

/** The `npx songhua` lines of the README's shell blocks, without comments. */
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap((block) => (block[1] ?? '').split('\n'))
  .filter((line) => line.startsWith('npx songhua '))
  .map((line) =>
    line
      .replace(/\s+#.*$/, '')
      .slice('npx songhua '.length)
      .split(/\s+/),
  );

let demo: Ended;

beforeAll(() => {
  demo = songhua('demo', '--scale', '0.003', '--json');
}, 300_000);

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

  test('has a connector document that can be applied as it stands', () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    writeFileSync(
      join(folder, 'my-source.yaml'),
      yaml
        .replace('/srv/education/', join(home, 'city/scale-0.003/files/education-bureau/admission-scores/'))
        .replace('scores-*', '*'),
    );
    expect(songhua('apply', '-f', 'my-source.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('created 1'),
    });
    expect(songhua('apply', '-f', 'my-source.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('unchanged 1'),
    });
  });

  test('has only commands that work, in the order they stand there, and the same totals after down and up', () => {
    expect(commands.length).toBeGreaterThan(10);
    const estate = join(folder, 'estate');
    const totals = (): { records: number; versions: number } => {
      const { summary } = JSON.parse(songhua('status', '--json').stdout);
      return { records: summary.records, versions: summary.versions };
    };
    let restarts = 0;
    writeFileSync(join(folder, 'scores.csv'), '学校,分数\n第一中学,512.5\n第二中学,498\n');
    for (const command of commands) {
      if (command[0] === 'bench') continue;
      const before = command[0] === 'down' ? totals() : undefined;
      const { code, stderr } = songhua(...command.map((word) => (word === 'DIR' ? estate : word)));
      expect({ command: command.join(' '), code, stderr: code === 0 ? '' : stderr }).toEqual({
        command: command.join(' '),
        code: 0,
        stderr: '',
      });
      if (before === undefined) continue;
      // The commands of the next sections need the system back.
      expect(songhua('status').code).toBe(1);
      expect(songhua('up').code).toBe(0);
      expect(totals()).toEqual(before);
      restarts++;
    }
    expect(restarts).toBeGreaterThan(0);
  }, 180_000);
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
