import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse as parseCsv } from 'csv-parse/sync';
import { parseAllDocuments } from 'yaml';
import { type Songhua, songhuaIn } from '../harness/cli.js';
import { violations } from '../harness/invariants.js';
import { deploymentOf, type System, startSystem } from '../harness/system.js';
import { ckan } from './kinds/ckan.js';
import { mysql, postgres, sqlite } from './kinds/databases.js';
import { readKindDocument, toYaml, withAddresses } from './kinds/document.js';
import { files, push, s3, sftp } from './kinds/files.js';
import { http } from './kinds/http.js';
import { kafka } from './kinds/kafka.js';
import { placeSecrets } from './kinds/secrets.js';
import type { Source, StartSources, Table } from './kinds/source.js';

const KINDS: Record<string, StartSources> = { file: files, http, sftp, s3, postgres, mysql, sqlite, kafka, ckan };
// The city installs their drivers itself.
const OPTIONAL = ['dameng', 'oracle', 'sqlserver'];
// What a department is promised to have to write.
const MOST_LINES = 25;

interface Registered {
  source: Source;
  /** Of the dataset; the connector is `<name>-source`. */
  name: string;
  /** The file with both. */
  yaml: string;
  lines: number;
}

const folder = mkdtempSync(join(tmpdir(), 'songhua-kinds-'));
const secretsFolder = join(folder, 'secrets');
const registered: Registered[] = [];
const estate = new Map<string, object>();
const stops: (() => Promise<void>)[] = [];
let system: System;
let songhua: Songhua;

function declare(kind: 'Department' | 'Domain', name: string): void {
  estate.set(`${kind}/${name}`, { apiVersion: 'songhua/v1', kind, metadata: { name }, spec: { title: name } });
}

async function startKind(kind: string, start: StartSources): Promise<void> {
  const document = readKindDocument(kind);
  const own = join(folder, kind);
  await mkdir(own);
  const started = await start({ folder: own, document });
  stops.push(started.stop);
  for (const [index, source] of started.sources.entries()) {
    const name = `${kind}-${index + 1}`;
    const { dataset, connector } = withAddresses(document, name, source);
    connector.spec.secrets = placeSecrets(connector.spec.secrets, source.secrets, secretsFolder);
    const yaml = join(own, `${name}.yaml`);
    await writeFile(yaml, toYaml(dataset, connector));
    registered.push({ source, name, yaml, lines: toYaml(connector).trim().split('\n').length });
    declare('Department', dataset.spec.department);
    declare('Domain', dataset.spec.domain);
  }
}

beforeAll(async () => {
  await mkdir(secretsFolder);
  // The servers first: the services inherit the variables that name secrets.
  await Promise.all(Object.entries({ ...KINDS, push }).map(([kind, start]) => startKind(kind, start)));
  process.env.SONGHUA_SECRETS_DIR = secretsFolder;
  system = await startSystem({ home: join(folder, 'system'), fileRoots: [folder], ...deploymentOf('kinds') });
  songhua = songhuaIn({
    cwd: folder,
    env: { SONGHUA_API: system.apiUrl, SONGHUA_API_KEY: system.operatorKey },
  });
  const estateFile = join(folder, 'estate.yaml');
  await writeFile(estateFile, toYaml(...estate.values()));
  await songhua('apply', '-f', estateFile);
}, 180_000);

afterAll(async () => {
  await system?.stop({ wipe: true });
  await Promise.all(stops.map((stop) => stop()));
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The rows of a published version as its CSV has them, in the columns of the source. */
async function publishedRows(name: string, { columns }: Table): Promise<string[][]> {
  const response = await fetch(new URL(`/data/${name}/latest/data.csv`, system.apiUrl));
  const [head = [], ...rows] = parseCsv(await response.text(), { bom: true }) as string[][];
  expect([...head].sort()).toEqual([...columns].sort());
  const order = columns.map((column) => head.indexOf(column));
  return rows.map((row) => order.map((at) => row[at] ?? '')).sort();
}

const ofKind = (kind: string): Registered[] => registered.filter(({ source }) => source.kind === kind);

function firstOf(kind: string): Registered {
  const [one] = ofKind(kind);
  if (one) return one;
  throw new Error(`${kind} has no source`);
}

describe.each(Object.keys(KINDS))('a department that registers kind %s as its document says', (kind) => {
  const own = (): Registered[] => ofKind(kind);

  test(`writes at most ${MOST_LINES} lines for a connector`, () => {
    expect(readKindDocument(kind).lines).toBeLessThanOrEqual(MOST_LINES);
    for (const { lines } of own()) expect(lines).toBeLessThanOrEqual(MOST_LINES);
  });

  test('tests it, discovers its columns, and previews its rows before anything is registered', async () => {
    const { source, yaml } = firstOf(kind);
    const { columns, rows } = source.table;
    expect((await songhua('connectors', 'test', '-f', yaml)).trim()).not.toBe('');
    const discovered = JSON.parse(await songhua('connectors', 'discover', '-f', yaml, '--json')) as {
      streams: { columns: { name: string }[] }[];
    };
    expect(discovered.streams.map((stream) => stream.columns.map(({ name }) => name))).toContainEqual(columns);
    const preview = JSON.parse(await songhua('connectors', 'preview', '-f', yaml, '--json')) as {
      rows: Record<string, unknown>[];
      rejectedCount: number;
    };
    expect(preview.rejectedCount).toBe(0);
    const shown = preview.rows.map((row) => columns.map((column) => String(row[column] ?? '')));
    expect(shown.length).toBeGreaterThan(0);
    expect(rows).toEqual(expect.arrayContaining(shown));
  });

  test('applies it and syncs it to a published version that holds the rows of its source', async () => {
    const names = own().map(({ name }) => `${name}-source`);
    const applied = await songhua('apply', '-f', join(folder, kind));
    expect(applied).toContain(`created ${2 * names.length}`);
    const progress = JSON.parse(await songhua('sync', ...names, '--wait', '--json'));
    expect(progress).toMatchObject({ total: names.length, published: names.length, failures: [], rejected: 0 });
    for (const { name, source } of own())
      expect({ source: source.title, rows: await publishedRows(name, source.table) }).toEqual({
        source: source.title,
        rows: [...source.table.rows].sort(),
      });
    const { name, source } = firstOf(kind);
    const count = source.table.rows.length;
    const { items } = JSON.parse(await songhua('versions', 'list', name, '--json'));
    expect(items).toMatchObject([{ version: 1, rows: count, rejected: 0, changes: { added: count } }]);
  });
});

test.each(['postgres', 'mysql', 'sqlite'])(
  'the config that discover suggests for a table of kind %s reads that table',
  async (kind) => {
    const { source, yaml } = firstOf(kind);
    const [dataset, connector] = parseAllDocuments(await readFile(yaml, 'utf8')).map((document) => document.toJS());
    const { table, columns, cursor, softDelete, ...server } = connector.spec.config;
    const write = async (name: string, config: object): Promise<string> => {
      const path = join(folder, kind, name);
      await writeFile(path, toYaml(dataset, { ...connector, spec: { ...connector.spec, config } }));
      return path;
    };
    const discovered = JSON.parse(
      await songhua('connectors', 'discover', '-f', await write('discover.txt', server), '--json'),
    ) as { streams: { name: string; config: Record<string, unknown> }[] };
    const found = discovered.streams.find(({ name }) => name.split('.').at(-1) === table);
    expect(found?.config).toMatchObject({ ...server, table, cursor: { column: expect.any(String) } });
    const suggested = await write('suggested.txt', found?.config ?? {});
    const preview = JSON.parse(await songhua('connectors', 'preview', '-f', suggested, '--json')) as {
      rowsRead: number;
      rejectedCount: number;
    };
    expect(preview.rowsRead).toBeGreaterThanOrEqual(source.table.rows.length);
    expect(preview.rejectedCount).toBe(0);
  },
);

test('what nobody changed makes no second version', async () => {
  const names = Object.keys(KINDS).flatMap((kind) => ofKind(kind).map(({ name }) => `${name}-source`));
  const again = JSON.parse(await songhua('sync', ...names, '--wait', '--json'));
  expect(again).toMatchObject({ total: names.length, unchanged: names.length, failures: [] });
});

test('there is no other kind, but those whose driver the city installs, which say how', async () => {
  const kinds = await system.get<{ kind: string }[]>('/api/v1/connectors:kinds');
  expect(kinds.map(({ kind }) => kind).sort()).toEqual([...Object.keys(KINDS), 'push', ...OPTIONAL].sort());
  const { dataset, connector } = readKindDocument('oracle-sqlserver-dameng');
  connector.spec.secrets = { username: { value: 'reader' }, password: { value: 'of-the-test' } };
  const yaml = join(folder, 'optional.yaml');
  await writeFile(yaml, toYaml(dataset, connector));
  await expect(songhua('connectors', 'test', '-f', yaml)).rejects.toThrow(
    /connector\.driver-missing[\s\S]*npm install/,
  );
});

describe('a department that sends its rows itself, as the document of kind push says', () => {
  const pushed = async (file: string, ...more: string[]): Promise<Record<string, unknown>> =>
    JSON.parse(
      await songhua('push', `${firstOf('push').name}-source`, join(folder, 'push', file), '--wait', '--json', ...more),
    );

  test(`writes at most ${MOST_LINES} lines for a connector, and is told how to send where another kind would be read`, async () => {
    const { yaml, lines } = firstOf('push');
    expect(Math.max(lines, readKindDocument('push').lines)).toBeLessThanOrEqual(MOST_LINES);
    expect(await songhua('connectors', 'test', '-f', yaml)).toContain('songhua push');
    await expect(songhua('connectors', 'preview', '-f', yaml)).rejects.toThrow('songhua push');
  });

  test('applies it and pushes files to a published version that holds their rows', async () => {
    const { name, source, yaml } = firstOf('push');
    expect(await songhua('apply', '-f', yaml)).toContain('created 2');
    expect(await pushed('source-1.csv', '--key', 'first')).toMatchObject({ published: 1, failures: [] });
    expect(await pushed('source-2.csv')).toMatchObject({ published: 1, failures: [] });
    expect(await publishedRows(name, source.table)).toEqual([...source.table.rows].sort());
  });

  test('may repeat a push, which counts once; content that is there already makes no version', async () => {
    const { name, source } = firstOf('push');
    const [again, other] = [await pushed('source-1.csv', '--key', 'first'), await pushed('source-1.csv')];
    expect(again).toMatchObject({ published: 1 });
    expect(other).toMatchObject({ unchanged: 1 });
    const count = source.table.rows.length;
    expect(JSON.parse(await songhua('datasets', 'show', name, '--json'))).toMatchObject({ version: 2, rows: count });
  });
});

test('every invariant holds', async () => {
  expect(await violations(system)).toEqual([]);
});
