import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type City, type CityServer, createCity, type DatasetTruth, serve } from '@songhua/city';
import { type Manifest, manifestSchema, type Summary, type SyncProgress } from '@songhua/contracts';
import { createTables, type Tables } from '@songhua/tables';
import { Client as Postgres } from 'pg';
import { violations } from '../harness/invariants.js';
import { deploymentOf, type System, startSystem } from '../harness/system.js';

const SCALE = 0.004;
const folder = mkdtempSync(join(tmpdir(), 'songhua-city-'));
const cityDir = join(folder, 'city');
let city: City;
let server: CityServer;
let system: System;
let tables: Tables;
let first: SyncProgress;

beforeAll(async () => {
  city = createCity({ scale: SCALE, seed: 5 });
  await city.write(cityDir);
  server = await serve({ dir: cityDir });
  // Two connectors and two refresh workers: everything below must hold with replicas.
  system = await startSystem({
    home: join(folder, 'system'),
    ...deploymentOf('city'),
    fileRoots: [cityDir],
    replicas: { connector: 2, refresh: 2 },
  });
  tables = createTables({ memoryMb: 128, threads: 1, tempDirectory: folder });
  await system.apply(city.resources({ root: cityDir, httpBase: server.url }));
  first = await system.sync({ all: true });
}, 300_000);

afterAll(async () => {
  await tables?.close();
  await system?.stop({ wipe: true });
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const manifestOf = async (dataset: string): Promise<Manifest> =>
  manifestSchema.parse(await system.get(`/api/v1/datasets/${dataset}/versions/latest/manifest`));
const names = (): string[] => city.datasets.map((d) => d.metadata.name);

async function query<T extends object>(sql: string): Promise<T[]> {
  const database = new Postgres({ connectionString: system.engines.endpoints.databaseUrl });
  await database.connect();
  try {
    return (await database.query<T>(sql)).rows;
  } finally {
    await database.end();
  }
}

describe('a city run to published versions', () => {
  test('publishes every dataset of the city', () => {
    expect(first.failures).toEqual([]);
    expect(first.published).toBe(city.datasets.length + city.realDatasets.length);
  });

  test('reconciles to the row with what the sources hold (I4)', async () => {
    const wrong: object[] = [];
    for (const name of names()) {
      const truth = city.truth(name);
      const { counts, rows } = await manifestOf(name);
      const seen = { read: counts.read, rejected: counts.rejected, deduplicated: counts.deduplicated, rows };
      const told = {
        read: truth.sourceRows,
        rejected: truth.rejected.total,
        deduplicated: truth.deduplicated,
        rows: truth.publishedRows,
      };
      if (JSON.stringify(seen) !== JSON.stringify(told)) wrong.push({ name, seen, told });
    }
    expect(wrong).toEqual([]);
  });

  test('types every column as the sources mean it', async () => {
    const wrong: object[] = [];
    for (const name of names()) {
      const { columns, primaryKey } = await manifestOf(name);
      const told = city.truth(name).schema;
      // A version keeps the column order of its first file, which some departments wrote differently.
      const seen = columns.map((c) => `${c.name}:${c.type}`).sort();
      const meant = told.columns.map((c) => `${c.name}:${c.type}`).sort();
      if (JSON.stringify([seen, primaryKey]) !== JSON.stringify([meant, told.primaryKey]))
        wrong.push({ name, seen, meant });
    }
    expect(wrong).toEqual([]);
  });

  test('has as many records in its summary as in its Parquet files', async () => {
    const summary = await system.get<Summary>('/api/v1/summary');
    let counted = 0;
    for (const name of [...names(), ...city.realDatasets.map((d) => d.metadata.name)]) {
      const response = await fetch(new URL(`/data/${name}/latest/data.parquet`, system.apiUrl));
      const path = join(folder, 'counted.parquet');
      await writeFile(path, Buffer.from(await response.arrayBuffer()));
      counted += await tables.countRows(path);
    }
    expect(summary).toMatchObject({
      records: counted,
      datasets: first.total,
      published: first.total,
      departments: 53,
      domains: 14,
    });
    expect(counted).toBe(city.totals().records + (await city.realTotals()).records);
  });

  test('ran each slot once and each dataset once at a time, with two connectors and two workers', async () => {
    expect(await query('SELECT connector_id, slot FROM sync GROUP BY 1, 2 HAVING count(*) > 1')).toEqual([]);
    const overlapping = await query(
      `SELECT a.dataset_id FROM sync a JOIN sync b ON a.dataset_id = b.dataset_id AND a.id < b.id
       AND a.refresh_started_at < b.ended_at AND b.refresh_started_at < a.ended_at`,
    );
    expect(overlapping).toEqual([]);
  });

  test('keeps every invariant', async () => {
    expect(await violations(system)).toEqual([]);
  }, 120_000);
});

describe('the same city again', () => {
  test('is checked, unchanged: no version, nothing on Kafka', async () => {
    const versions = (await system.get<Summary>('/api/v1/summary')).versions;
    const again = await system.sync({ all: true });
    expect(again).toMatchObject({ unchanged: again.total, published: 0, failed: 0, held: 0 });
    expect((await system.get<Summary>('/api/v1/summary')).versions).toBe(versions);
  });

  test('read whole again makes no second version either (I3)', async () => {
    const versions = (await system.get<Summary>('/api/v1/summary')).versions;
    const again = await system.sync({ all: true }, { full: true });
    expect(again).toMatchObject({ unchanged: again.total, published: 0, failed: 0, held: 0 });
    expect((await system.get<Summary>('/api/v1/summary')).versions).toBe(versions);
  }, 120_000);
});

describe('a city that changes', () => {
  let truths: Map<string, DatasetTruth>;
  let before: Map<string, number>;

  beforeAll(async () => {
    before = new Map();
    for (const name of names()) before.set(name, (await manifestOf(name)).version);
    city.evolve(1);
    await city.write(cityDir);
    truths = new Map(names().map((name) => [name, city.truth(name)]));
    await system.sync({ all: true });
  }, 180_000);

  test('makes one version of each changed dataset, with the right difference', async () => {
    const wrong: object[] = [];
    for (const [name, truth] of truths) {
      if (truth.outcome !== 'published') continue;
      const { version, changes, rows } = await manifestOf(name);
      const told = { version: (before.get(name) ?? 0) + 1, changes: truth.changes, rows: truth.publishedRows };
      if (JSON.stringify({ version, changes, rows }) !== JSON.stringify(told))
        wrong.push({ name, seen: { version, changes, rows }, told });
    }
    expect(wrong).toEqual([]);
    expect([...truths.values()].filter((t) => t.outcome === 'published').length).toBeGreaterThan(0);
  });

  test('keeps serving the last version of a source that disappeared, emptied, or answers a page, and says why', async () => {
    const broken = [...truths.values()].filter((t) => t.outcome === 'kept');
    expect(new Set(broken.map((t) => t.source)).size).toBeGreaterThanOrEqual(3);
    for (const truth of broken) {
      const entry = await system.get<{
        version: number;
        lastSync: { state: string; reason: { code: string; actor: string; message: string } };
      }>(`/api/v1/datasets/${truth.dataset}`);
      expect({ dataset: truth.dataset, version: entry.version }).toEqual({
        dataset: truth.dataset,
        version: before.get(truth.dataset),
      });
      expect(entry.lastSync.reason).toMatchObject({
        actor: 'department',
        code: expect.stringMatching(/^(source|guard|schema)\./),
      });
    }
  });

  test('keeps every invariant', async () => {
    expect(await violations(system)).toEqual([]);
  }, 120_000);
});

describe('a source of which too many rows are wrong', () => {
  const name = 'mostly-wrong';

  beforeAll(async () => {
    const lines = Array.from({ length: 100 }, (_, i) => (i < 60 ? `${i},${i}` : i < 80 ? `,${i}` : `${i},${i},超出`));
    await writeFile(join(cityDir, 'mostly-wrong.csv'), `编号,数值\n${lines.join('\n')}\n`);
    await system.apply([
      {
        apiVersion: 'songhua/v1',
        kind: 'Dataset',
        metadata: { name },
        spec: {
          title: '多数有误',
          department: 'education-bureau',
          domain: 'education-science',
          frequency: 'DAILY',
          primaryKey: ['编号'],
          schemaPolicy: 'hold',
          guards: { maxShrink: 0.5, maxRejected: 0.1 },
        },
      },
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name },
        spec: {
          dataset: name,
          kind: 'file',
          mode: 'full',
          config: { path: join(cityDir, 'mostly-wrong.csv') },
          secrets: {},
        },
      },
    ]);
  });

  test('is held, publishes nothing, and shows every rejected row with its line and reason (I4)', async () => {
    expect(await system.sync({ connectors: [name] })).toMatchObject({
      held: 1,
      failures: [{ code: 'guard.rejected', actor: 'department' }],
    });
    const { items } = await system.get<{ items: { sync: string; count: number; byCode: object }[] }>(
      `/api/v1/quarantine?dataset=${name}`,
    );
    expect(items).toMatchObject([{ count: 40, byCode: { 'key.missing': 20, 'row.fields': 20 } }]);
    const { rows } = await system.get<{ rows: { line: number; code: string }[] }>(
      `/api/v1/quarantine/${items[0]?.sync}`,
    );
    expect(rows.map((r) => r.line).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => 62 + i));
    expect((await fetch(new URL(`/data/${name}/latest/data.parquet`, system.apiUrl))).status).toBe(404);
  });
});

describe('a dataset that says which cells have no value', () => {
  const name = 'sewage-readings';
  const path = join(cityDir, `${name}.csv`);

  beforeAll(async () => {
    await writeFile(path, '站点,水温,备注\n东站,12.5,不详\n西站,-999,无\n南站,缺测,良好\n');
    await system.apply([
      {
        apiVersion: 'songhua/v1',
        kind: 'Dataset',
        metadata: { name },
        spec: {
          title: '污水监测',
          department: 'education-bureau',
          domain: 'education-science',
          frequency: 'DAILY',
          primaryKey: ['站点'],
          columns: [
            { name: '站点', type: 'string' },
            { name: '水温', type: 'decimal' },
            { name: '备注', type: 'string', blanks: ['不详'] },
          ],
          blanks: ['-999', '缺测'],
          schemaPolicy: 'hold',
          guards: { maxShrink: 0.5, maxRejected: 0.1 },
        },
      },
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name },
        spec: { dataset: name, kind: 'file', mode: 'full', config: { path }, secrets: {} },
      },
    ]);
  });

  const rows = async (): Promise<string> =>
    (await fetch(new URL(`/data/${name}/latest/data.csv`, system.apiUrl))).text();

  test('publishes those without one, and no others', async () => {
    expect(await system.sync({ connectors: [name] })).toMatchObject({ published: 1 });
    expect((await rows()).trimEnd().split(/\r?\n/).slice(1)).toEqual(['东站,12.5,', '西站,,无', '南站,,良好']);
  });

  test('remembers how its file was read, and says when that changes', async () => {
    await writeFile(path, '站点;水温;备注\n东站;13.5;不详\n西站;-999;无\n南站;缺测;良好\n');
    expect(await system.sync({ connectors: [name] })).toMatchObject({ published: 1 });
    const { source, cursor, changes } = await manifestOf(name);
    expect(changes).toEqual({ added: 0, changed: 1, removed: 0 });
    expect(source.warnings).toEqual([
      { code: 'source.reading-changed', message: expect.stringMatching(/delimiter: "," → ";"/) },
    ]);
    expect(cursor).toMatchObject({ detections: [{ delimiter: ';', encoding: 'utf-8', headerRows: 1 }] });
  });
});
