import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCatalog } from '@songhua/catalog';
import { createTestDatabase, type TestDatabase } from '@songhua/catalog/testing';
import { createCity } from '@songhua/city';
import { newApiKey } from '@songhua/domain';
import { freePort } from '@songhua/runtime/testing';
import { type ServiceUnderTest, startService } from '../harness/services.js';

const root = resolve(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'songhua-registering-'));
const sources = join(folder, 'sources');

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The two services that take part in registering, on the shared engines, with a database of their own. */
interface Registry {
  url: string;
  songhua(...args: string[]): Promise<Ended>;
  /** As somebody else. */
  as(key: string): (...args: string[]) => Promise<Ended>;
  post(path: string, body: unknown): Promise<Response>;
  stop(): Promise<void>;
}

const need = (name: string): string => process.env[name] ?? '';

async function startRegistry(name: string): Promise<Registry> {
  const home = join(folder, name);
  mkdirSync(join(home, 'tmp'), { recursive: true });
  const database: TestDatabase = await createTestDatabase();
  const { key } = newApiKey();
  const catalog = createCatalog({ databaseUrl: database.url, poolSize: 1 });
  await catalog.access.ensureOperator(key);
  await catalog.close();
  const ports = { connector: await freePort(), catalog: await freePort() };
  const env = {
    SONGHUA_DATABASE_URL: database.url,
    SONGHUA_KAFKA_BROKERS: need('SONGHUA_TEST_KAFKA_BROKERS'),
    SONGHUA_S3_ENDPOINT: need('SONGHUA_TEST_S3_ENDPOINT'),
    SONGHUA_S3_ACCESS_KEY: need('SONGHUA_TEST_S3_ACCESS_KEY'),
    SONGHUA_S3_SECRET_KEY: need('SONGHUA_TEST_S3_SECRET_KEY'),
    SONGHUA_TEMPORAL_ADDRESS: need('SONGHUA_TEST_TEMPORAL_ADDRESS'),
    SONGHUA_HTTP_HOST: '127.0.0.1',
    SONGHUA_CONNECTOR_URL: `http://127.0.0.1:${ports.connector}`,
    SONGHUA_TEMP_DIR: join(home, 'tmp'),
    SONGHUA_INTERNAL_TOKEN: randomBytes(32).toString('base64url'),
    SONGHUA_FILE_ROOTS: sources,
  };
  const services: ServiceUnderTest[] = await Promise.all(
    (['connector', 'catalog'] as const).map((service) =>
      startService({ name: service, label: service, port: ports[service], home, env }),
    ),
  );
  const url = `http://127.0.0.1:${ports.catalog}`;
  const as =
    (credential: string) =>
    (...args: string[]): Promise<Ended> =>
      run(args, { SONGHUA_API: url, SONGHUA_API_KEY: credential, SONGHUA_HOME: home, NO_COLOR: '1' });
  return {
    url,
    songhua: as(key),
    as,
    post: (path, body) =>
      fetch(new URL(path, url), {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    async stop() {
      await Promise.all(services.map((service) => service.stop()));
      await database.drop();
    },
  };
}

function run(args: string[], env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, 'packages/cli/bin/songhua.js'), ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
  });
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text;
  });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ ...ended, code }));
  });
}

const file = (name: string, ...documents: unknown[]): string => {
  writeFileSync(join(folder, name), documents.map((one) => `${JSON.stringify(one)}\n`).join('---\n'));
  return name;
};
const document = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'songhua/v1',
  kind,
  metadata: { name, ...metadata },
  spec,
});

let here: Registry;
beforeAll(async () => {
  mkdirSync(sources, { recursive: true });
  here = await startRegistry('here');
}, 60_000);
afterAll(async () => {
  await here?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe('resources as files', () => {
  test("a whole city's go out as they came in: export, apply on an empty system, export is byte-identical", async () => {
    const city = createCity({ scale: 0.004, seed: 5 });
    const resources = city.resources({ root: sources, httpBase: 'http://127.0.0.1:1' });
    const path = file('city.yaml', ...resources);
    const applied = await here.songhua('apply', '-f', path, '--json');
    expect({ ...applied, stdout: JSON.parse(applied.stdout || '{}').created }).toMatchObject({
      code: 0,
      stdout: resources.length,
    });
    const { stdout: first } = await here.songhua('export');
    writeFileSync(join(folder, 'export.yaml'), first);
    expect(first.split('---\n')).toHaveLength(resources.length);
    for (const same of ['city.yaml', 'export.yaml'])
      expect(await here.songhua('plan', '-f', same, '--check', '--all')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('nothing to change'),
      });

    const empty = await startRegistry('empty');
    try {
      expect(await empty.songhua('apply', '-f', 'export.yaml')).toMatchObject({ code: 0 });
      expect((await empty.songhua('export')).stdout).toBe(first);
      expect(await empty.songhua('plan', '-f', 'export.yaml', '--check')).toMatchObject({ code: 0 });
    } finally {
      await empty.stop();
    }
  }, 120_000);

  test('a plan shows what was changed over the API, field by field, and says how to apply', async () => {
    const edited = document('Department', 'education-bureau', { title: '教育局（改）' });
    expect((await here.post('/api/v1/resources:apply', [edited])).status).toBe(200);
    const plan = await here.songhua('plan', '-f', 'city.yaml');
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('~ Department/education-bureau  change') });
    expect(plan.stdout).toMatch(/spec\.title: "教育局（改）" → "/);
    expect(plan.stdout).toContain('Apply with: songhua apply -f city.yaml');
    expect(await here.songhua('plan', '-f', 'city.yaml', '--check', '--json')).toMatchObject({ code: 1 });
    expect(await here.songhua('apply', '-f', 'city.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('changed 1'),
    });
  });

  test('are applied all or nothing: an error names file, document and field', async () => {
    const dataset = { title: 't', department: 'nobody', domain: 'education-science' };
    const path = file('wrong.yaml', document('Domain', 'fresh', { title: '新' }), document('Dataset', 'lost', dataset));
    const refused = await here.songhua('apply', '-f', path);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(
      'wrong.yaml document 2: Dataset/lost spec.department: there is no Department nobody',
    );
    const config = { dataset: 'lost', kind: 'file', config: { pfad: 'x' } };
    const second = file(
      'connector.yaml',
      document('Domain', 'fresh', { title: '新' }),
      document('Connector', 'lost', config),
    );
    const wrong = await here.songhua('apply', '-f', second);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/connector\.yaml document 2: Connector\/lost spec: .*config/);
    expect(await here.songhua('export', 'Domain/fresh')).toMatchObject({ code: 2, stdout: '' });
  });

  test('of which one was changed by somebody else in between conflict, and the answer names who', async () => {
    const path = file('stale.yaml', document('Domain', 'education-science', { title: '教育' }, { revision: 1 }));
    expect(await here.songhua('apply', '-f', path)).toMatchObject({ code: 0 });
    const late = await here.songhua('apply', '-f', path);
    expect(late).toMatchObject({ code: 1, stderr: expect.stringMatching(/resource\.conflict.*revision 2 \(key:/s) });
  });

  test('go back to an earlier revision as a new one', async () => {
    const id = 'Domain/education-science';
    expect(await here.songhua('revisions', 'list', id)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/2 .*change.*spec\.title/),
    });
    expect((await here.songhua('revisions', 'diff', id)).stdout).toContain('spec.title');
    expect(await here.songhua('revisions', 'rollback', id, '1')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('revision 3'),
    });
    expect((await here.songhua('export', id)).stdout).toBe((await here.songhua('revisions', 'show', id, '1')).stdout);
  });

  test('that others depend on are not deleted', async () => {
    const refused = await here.songhua('delete', 'Department/education-bureau');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/resource\.in-use.*Dataset\//s) });
    await here.songhua('apply', '-f', file('spare.yaml', document('Domain', 'spare', { title: '备用' })));
    expect(await here.songhua('delete', 'domain/spare')).toMatchObject({ code: 0 });
    expect(await here.songhua('delete', 'Domain/spare')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('resource.unknown'),
    });
    expect(await here.songhua('delete', 'spare')).toMatchObject({ code: 2 });
  });
});

describe('a department registers a source', () => {
  const path = 'register.yaml';
  let member: (...args: string[]) => Promise<Ended>;

  beforeAll(async () => {
    writeFileSync(
      join(sources, 'permits.csv'),
      `编号,单位,发证日期\n${Array.from({ length: 40 }, (_, i) => `${i + 1},单位${i},2026-${String((i % 12) + 1).padStart(2, '0')}-01`).join('\n')}\n`,
    );
    file(path, document('Connector', 'permits', { dataset: 'permits', kind: 'file', config: { path: 'permits.csv' } }));
    const made = await here.post('/api/v1/keys', {
      title: 'member',
      role: 'department',
      department: 'education-bureau',
    });
    member = here.as(((await made.json()) as { key: string }).key);
  });

  test('from the first test to a document that can be applied', async () => {
    expect(await member('connectors', 'test', '-f', path)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3 columns'),
    });
    const found = await member('connectors', 'discover', '-f', path);
    expect(found.stdout).toMatch(/编号\s+integer/);
    expect(found.stdout).toContain('suggested: key 编号; cursor (none); mode full; frequency MONTHLY');
    const yaml = await member(
      'connectors',
      'discover',
      '-f',
      path,
      '--yaml',
      '--department',
      'education-bureau',
      '--domain',
      'education-science',
    );
    expect(yaml).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(join(folder, 'suggested.yaml'), yaml.stdout);
    expect((await member('connectors', 'preview', '-f', 'suggested.yaml')).stdout).toMatch(
      /编号 integer.*发证日期 date/s,
    );
    expect(await member('connectors', 'dry-run', '-f', 'suggested.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/the first version would be published.*rows 40.*nothing was stored/s),
    });
    expect(await member('apply', '-f', 'suggested.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('permits waits for approval: songhua connectors submit permits'),
    });
    expect(await member('plan', '-f', 'suggested.yaml', '--check')).toMatchObject({ code: 0 });
  });

  test('which runs only once somebody who may has approved it', async () => {
    expect(await member('sync', 'permits')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('it is a draft'),
    });
    expect(await member('connectors', 'submit', 'permits')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('submitted'),
    });
    expect(await member('connectors', 'approve', 'permits')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('access.forbidden'),
    });
    expect(await here.songhua('connectors', 'approve', 'permits', '--reason', '可以')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('permits is approved'),
    });
    for (const [step, state] of [
      ['pause', 'paused'],
      ['resume', 'approved'],
      ['retire', 'retired'],
    ] as const)
      expect(await member('connectors', step, 'permits')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`permits is ${state}`),
      });
    expect(await member('sync', 'permits')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('it is retired'),
    });
    expect(await member('delete', 'Connector/permits')).toMatchObject({ code: 0 });
  });

  test('is told whose turn it is when the source cannot be read, and what is wrong with the file otherwise', async () => {
    const gone = file(
      'gone.yaml',
      document('Connector', 'gone', { dataset: 'permits', kind: 'file', config: { path: 'gone.csv' } }),
    );
    expect(await member('connectors', 'test', '-f', gone)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/source\.missing.*who can act: department/s),
    });
    const wrong = file(
      'wrong-config.yaml',
      document('Connector', 'gone', { dataset: 'permits', kind: 'file', config: {} }),
    );
    expect(await member('connectors', 'preview', '-f', wrong)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('connector.config-invalid'),
    });
  });

  test('sees the schemas that the files are checked by', async () => {
    const { stdout } = await member('connectors', 'kinds', 'file');
    expect(stdout).toMatch(/path.*needed/s);
    const response = await fetch(new URL('/api/v1/schemas/Connector:file', here.url));
    expect(await response.json()).toMatchObject({
      properties: {
        metadata: { properties: { name: { pattern: expect.any(String) } } },
        spec: { properties: { kind: { const: 'file' }, config: { required: ['path'] } } },
      },
    });
  });
});
