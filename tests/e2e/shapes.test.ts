import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type City, type CityServer, createCity, serve } from '@songhua/city';
import { manifestSchema, type SyncProgress } from '@songhua/contracts';
import { parse } from 'csv-parse/sync';
import { violations } from '../harness/invariants.js';
import { deploymentOf, type System, startSystem } from '../harness/system.js';

// A seed with which the CSV of long cells has bad rows of every kind.
const SEED = 2301;
const DRIP_SECONDS = 5;
const SYNC = { timeoutMs: 300_000 };
const folder = mkdtempSync(join(tmpdir(), 'songhua-shapes-'));
const cityDir = join(folder, 'city');
let city: City;
let server: CityServer;
let system: System;
let first: SyncProgress;

const datasets = (): string[] => Object.values(city.shapes);
const connectors = (): string[] => datasets().map((name) => connectorOf(name).metadata.name);

function connectorOf(dataset: string) {
  const addresses = { root: cityDir, httpBase: server.url };
  const connector = city.connectors(addresses).find(({ spec }) => spec.dataset === dataset);
  if (!connector) throw new Error(`${dataset} has no connector`);
  return connector;
}

beforeAll(async () => {
  city = createCity({ seed: SEED });
  await city.write(cityDir, { datasets: datasets() });
  server = await serve({ dir: cityDir, dripSeconds: DRIP_SECONDS });
  system = await startSystem({ home: join(folder, 'system'), fileRoots: [cityDir], ...deploymentOf('shapes') });
  const shaped = new Set(datasets());
  await system.apply([
    ...city.departments,
    ...city.domains,
    ...city.datasets.filter(({ metadata }) => shaped.has(metadata.name)),
    ...datasets().map(connectorOf),
  ]);
  first = await system.sync({ connectors: connectors() }, SYNC);
}, 600_000);

afterAll(async () => {
  await system?.stop({ wipe: true });
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test('at full size every shape is published: 50,000 records on one line or many, 3,000 files, a source that drips', () => {
  expect(first.failures).toEqual([]);
  expect(first.published).toBe(datasets().length);
});

test.each(Object.entries(createCity({ scale: 0.004 }).shapes))(
  '%s reconciles to the row (I4)',
  async (_shape, name) => {
    const truth = city.truth(name);
    const manifest = manifestSchema.parse(await system.get(`/api/v1/datasets/${name}/versions/latest/manifest`));
    const { counts, rows, columns } = manifest;
    expect({
      read: counts.read,
      rejected: counts.rejected,
      deduplicated: counts.deduplicated,
      rows,
      columns: columns.map((column) => `${column.name}:${column.type}`).sort(),
    }).toEqual({
      read: truth.sourceRows,
      rejected: truth.rejected.total,
      deduplicated: truth.deduplicated,
      rows: truth.publishedRows,
      columns: truth.schema.columns.map((column) => `${column.name}:${column.type}`).sort(),
    });
  },
);

test('a rejected row among cells of several lines is told by the line on which an editor shows it', async () => {
  const name = city.shapes['multi-line-csv'];
  const { items } = await system.get<{ items: { sync: string }[] }>(`/api/v1/quarantine?dataset=${name}`);
  const { rows } = await system.get<{ rows: { line: number; code: string }[] }>(`/api/v1/quarantine/${items[0]?.sync}`);
  const seen = rows.filter((row) => row.code === 'cell.type').map((row) => row.line);
  expect(seen).not.toEqual([]);
  expect(seen.sort((a, b) => a - b)).toEqual(await linesOfUnfitCells(city.truth(name).files[0] ?? ''));
});

// What the city writes in place of a number or a day.
const UNFIT = new Set(['待核实', '约五成', '2017-13-45']);
/** A record, and the line on which it ends. */
interface Located {
  record: string[];
  info: { lines: number };
}

/** Where rows begin that hold text in place of a date or number, by another parser than ours. */
async function linesOfUnfitCells(file: string): Promise<number[]> {
  const bytes = await readFile(join(cityDir, file));
  const utf8 = bytes.toString('utf8');
  const text = utf8.includes('\uFFFD') ? new TextDecoder('gb18030').decode(bytes) : utf8;
  const delimiter = [',', ';', '\t'].find((d) => text.slice(0, text.indexOf('\n')).includes(d)) ?? ',';
  const lines: number[] = [];
  let line = 1;
  const options = { delimiter, relax_column_count: true, info: true, bom: true };
  for (const { record, info } of parse(text, options) as unknown as Located[]) {
    if (record.some((cell) => UNFIT.has(cell))) lines.push(line);
    line = info.lines + 1;
  }
  return lines;
}

test('the same sources again are unchanged (I3), and every invariant holds', async () => {
  expect(await system.sync({ connectors: connectors() }, SYNC)).toMatchObject({
    unchanged: datasets().length,
    failed: 0,
    held: 0,
  });
  expect(await violations(system)).toEqual([]);
}, 600_000);
