import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { type City, createCity, type Shape } from '@songhua/city';
import { openTables } from '@songhua/formats';
import fc from 'fast-check';
import { difference, type Found, names, readDataset } from './read-city.js';

const LARGE: Shape[] = ['pretty-json', 'one-line-json', 'indented-xml', 'multi-line-csv'];
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** The city's shaped datasets, and nothing else, in a folder of their own. */
async function written(city: City): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-city-shapes-'));
  folders.push(folder);
  await city.write(folder, { datasets: Object.values(city.shapes) });
  return folder;
}

/** Rows, rejected ones and the columns of all files, as the pipeline's reader finds them. */
async function read(folder: string, files: string[]) {
  const found = { rows: 0, rejected: 0, columns: new Set<string>() };
  for (const file of files) {
    for (const table of await openTables({ path: join(folder, file), name: file })) {
      for (const column of table.columns) found.columns.add(column.name);
      for await (const batch of table.batches()) {
        if (batch.type === 'rejected') found.rejected += batch.rows.length;
        else found.rows += batch.rows;
      }
    }
  }
  return { ...found, columns: [...found.columns].sort() };
}

const textOf = async (folder: string, city: City, shape: Shape): Promise<string> =>
  (await readFile(join(folder, city.truth(city.shapes[shape]).files[0] ?? ''))).toString('utf8');

test('at scale 1 each large shape has 50,000 records in one file and the folder has 3,000 files, whatever the seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
      const city = createCity({ seed });
      for (const shape of LARGE) {
        const truth = city.truth(city.shapes[shape]);
        expect([shape, truth.files.length]).toEqual([shape, 1]);
        expect(truth.publishedRows).toBeGreaterThanOrEqual(50_000);
      }
      expect(new Set(city.truth(city.shapes['many-files']).files).size).toBe(3_000);
    }),
    { numRuns: 8 },
  );
});

test('every shape is there at every scale, in a dataset of the city, and is what it is called', async () => {
  for (const [scale, seed] of [
    [0.004, 5],
    [0.02, 2301],
    [0.05, 7],
  ] as const) {
    const city = createCity({ scale, seed });
    expect(names(city)).toEqual(expect.arrayContaining(Object.values(city.shapes)));
    const folder = await written(city);
    const pretty = await textOf(folder, city, 'pretty-json');
    expect(pretty).toMatch(/\n {6}\{\n {8}"[^"]+": /);
    const oneLine = await textOf(folder, city, 'one-line-json');
    expect([oneLine.includes('\n'), JSON.parse(oneLine).code]).toEqual([false, 200]);
    const records = pretty.split(/\n {6}\{/).slice(1, -1);
    expect(new Set(records.map((record) => record.split('\n').length)).size).toBeGreaterThan(1);
    expect(await textOf(folder, city, 'indented-xml')).toMatch(/\n {4}<row>\n {6}<[^/][^\n]*\n {6}</);
    const files = city.truth(city.shapes['many-files']).files;
    expect(files.length).toBeGreaterThanOrEqual(Math.round(3_000 * scale));
    expect(files.length).toBeLessThanOrEqual(Math.max(15, 3_600 * scale));
    expect(await readdir(join(folder, dirname(files[0] ?? '')))).toHaveLength(files.length);
  }
});

test('most cells of the free text in the multi-line CSV run over several lines', async () => {
  const city = createCity({ scale: 0.02 });
  const folder = await written(city);
  const truth = city.truth(city.shapes['multi-line-csv']);
  const { rows } = await readDataset(folder, truth);
  const long = [...rows.values()].filter((row) => row.includes('\n'));
  expect(long.length).toBeGreaterThan(truth.publishedRows / 2);
});

test('of every shape an independent parser finds what the truth says, as the city changes', async () => {
  const city = createCity({ scale: 0.02 });
  const folder = await written(city);
  const shaped = Object.values(city.shapes);
  const served = new Map<string, Found>();
  const changed = new Set<string>();
  for (let step = 0; changed.size < shaped.length; step++) {
    city.evolve(step);
    await city.write(folder, { datasets: shaped });
    for (const truth of shaped.map(city.truth)) {
      if (truth.outcome !== 'published') continue;
      const now = await readDataset(folder, truth);
      const { sourceRows, rejected, deduplicated, published } = now;
      expect({ step, dataset: truth.dataset, sourceRows, rejected, deduplicated, published }).toEqual({
        step,
        dataset: truth.dataset,
        sourceRows: truth.sourceRows,
        rejected: truth.rejected,
        deduplicated: truth.deduplicated,
        published: truth.publishedRows,
      });
      const before = served.get(truth.dataset);
      served.set(truth.dataset, now);
      if (before === undefined) continue;
      expect(difference(before, now, truth.schema.primaryKey.length > 0)).toEqual(truth.changes);
      changed.add(truth.dataset);
    }
  }
}, 120_000);

test('at full size the reader finds every row and column of every shape, with nothing told', async () => {
  const city = createCity();
  const folder = await written(city);
  for (const [shape, dataset] of Object.entries(city.shapes)) {
    const truth = city.truth(dataset);
    const found = await read(folder, truth.files);
    expect({ shape, rows: found.rows, rejected: found.rejected, columns: found.columns }).toEqual({
      shape,
      rows: truth.sourceRows - truth.rejected.ragged,
      rejected: truth.rejected.ragged,
      columns: truth.schema.columns.map((column) => column.name).sort(),
    });
  }
}, 120_000);

test('an unknown name among the datasets to write is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-city-shapes-'));
  folders.push(folder);
  expect(() => createCity({ scale: 0.004 }).write(folder, { datasets: ['no-such'] })).toThrow(/no dataset "no-such"/);
});
