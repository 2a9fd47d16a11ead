import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { createCity } from '@songhua/city';
import { openTables } from '@songhua/formats';
import { names } from './read-city.js';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-city-formats-'));
  folders.push(folder);
  return folder;
}

/** What the pipeline's own reader finds in the files of a dataset. */
async function read(
  folder: string,
  files: string[],
): Promise<{ rows: number; columns: Set<string>; formats: Set<string> }> {
  const found = { rows: 0, columns: new Set<string>(), formats: new Set<string>() };
  for (const file of files) {
    const tables = await openTables({ path: join(folder, file), name: file });
    expect(tables.map((table) => table.name)).toEqual([file]);
    for (const table of tables) {
      for (const column of table.columns) found.columns.add(column.name);
      found.formats.add(table.format);
      for await (const batch of table.batches())
        found.rows += typeof batch.rows === 'number' ? batch.rows : batch.rows.length;
    }
  }
  return found;
}

test('in every format, at every size, the reader finds the rows and columns that the truth tells, with nothing told', async () => {
  const formats = new Map<string, number>();
  for (const [scale, seed] of [
    [0.004, 5],
    [0.02, 11],
    [0.05, 7],
  ] as const) {
    const city = createCity({ scale, seed });
    const folder = await createFolder();
    const formatOf = (name: string): string => extname(city.truth(name).files[0] ?? '').slice(1);
    const datasets = names(city).filter((name) => formatOf(name) !== 'csv');
    await city.write(folder, { datasets });
    for (const name of datasets) {
      const truth = city.truth(name);
      const format = formatOf(name);
      formats.set(format, (formats.get(format) ?? 0) + 1);
      const { rows, columns } = await read(folder, truth.files);
      expect({ name, format, rows, columns: [...columns].sort() }).toEqual({
        name,
        format,
        rows: truth.sourceRows,
        columns: truth.schema.columns.map((column) => column.name).sort(),
      });
    }
  }
  for (const format of ['json', 'xml', 'xlsx']) expect(formats.get(format)).toBeGreaterThan(20);
}, 120_000);

test('a source that is empty or a login page is never read as rows, whatever its format', async () => {
  const city = createCity({ scale: 0.02 });
  const folder = await createFolder();
  const seen = new Set<string>();
  for (let step = 1; step <= 12 && seen.size < 3; step++) {
    city.evolve(step);
    const broken = names(city)
      .map((name) => city.truth(name))
      .filter((t) => (t.source === 'empty' || t.source === 'html') && !t.files[0]?.endsWith('.csv'));
    if (broken.length === 0) continue;
    await city.write(folder, { datasets: broken.map((truth) => truth.dataset) });
    for (const truth of broken) {
      seen.add(`${truth.source} ${extname(truth.files[0] ?? '')}`);
      const rows = await read(folder, truth.files).then(
        (found) => found.rows,
        (error: { code?: string }) => {
          expect(error.code).toMatch(/^source\.(empty|html)$/);
          return 0;
        },
      );
      expect([truth.dataset, rows]).toEqual([truth.dataset, 0]);
    }
  }
  expect(seen.size).toBeGreaterThan(1);
}, 120_000);
