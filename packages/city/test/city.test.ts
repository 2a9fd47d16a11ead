import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CITY_RECORDS, type City, createCity } from '@songhua/city';
import { resourceSchema } from '@songhua/contracts';
import fc from 'fast-check';
import { names, readDataset, records } from './read-city.js';

const SCALE = 0.05;
const addresses = { root: '/srv/city', httpBase: 'http://127.0.0.1:8080' };
let dir: string;
let city: City;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songhua-city-'));
  city = createCity({ scale: SCALE });
  await city.write(dir);
}, 60_000);

afterAll(() => rm(dir, { recursive: true, force: true }));

async function digests(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('.city'));
  const found = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [
      path.slice(folder.length),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

test('at scale 1 the city opens 620 datasets of 53 departments in 14 domains with 3,170,000 records, whatever the seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
      const whole = createCity({ seed });
      expect([whole.departments.length, whole.domains.length, whole.datasets.length]).toEqual([53, 14, 620]);
      expect(new Set(names(whole)).size).toBe(620);
      const totals = whole.totals();
      expect(totals.records).toBe(CITY_RECORDS);
      expect(totals.sourceRows).toBe(totals.records + totals.rejected + totals.deduplicated);
      const sizes = names(whole).map((name) => whole.truth(name).publishedRows);
      sizes.sort((a, b) => a - b);
      expect(sizes[0]).toBeGreaterThanOrEqual(20);
      expect(sizes[0]).toBeLessThan(30);
      expect(sizes[310]).toBeGreaterThan(1_500);
      expect(sizes[310]).toBeLessThan(1_900);
      expect(sizes[619]).toBeGreaterThan(100_000);
    }),
    { numRuns: 8 },
  );
});

test('every department opens 2 to 40 datasets and every domain has some', () => {
  const counts = city.departments.map(({ metadata }) => {
    return city.datasets.filter((dataset) => dataset.spec.department === metadata.name).length;
  });
  expect(counts).toHaveLength(53);
  expect(Math.min(...counts)).toBe(2);
  expect(Math.max(...counts)).toBe(40);
  const used = new Set(city.datasets.map((dataset) => dataset.spec.domain));
  expect([...used].sort()).toEqual(city.domains.map((domain) => domain.metadata.name).sort());
});

test('every resource is valid, and a dataset has one connector', () => {
  const resources = city.resources(addresses);
  for (const resource of resources) expect(resourceSchema.parse(resource)).toEqual(resource);
  const connected = city.connectors(addresses).map((connector) => connector.spec.dataset);
  const datasets = [...city.datasets, ...city.realDatasets].map((dataset) => dataset.metadata.name);
  expect([...connected].sort()).toEqual([...datasets].sort());
  for (const { spec } of city.datasets) {
    const columns = spec.columns?.map((column) => column.name) ?? [];
    expect(new Set(columns).size).toBe(columns.length);
  }
});

test('schemas differ from dataset to dataset', () => {
  const schemas = new Set(
    names(city).map((name) =>
      city
        .truth(name)
        .schema.columns.map((c) => c.name)
        .join(),
    ),
  );
  expect(schemas.size).toBeGreaterThan(300);
});

test('the truth of every dataset adds up with what an independent parser finds in its files', async () => {
  const kinds = new Set<string>();
  for (const name of names(city)) {
    const truth = city.truth(name);
    const { sourceRows, rejected, deduplicated, published } = await readDataset(dir, truth);
    expect({ name, sourceRows, rejected, deduplicated, published }).toEqual({
      name,
      sourceRows: truth.sourceRows,
      rejected: truth.rejected,
      deduplicated: truth.deduplicated,
      published: truth.publishedRows,
    });
    for (const [kind, n] of Object.entries(rejected)) if (n > 0) kinds.add(kind);
  }
  expect([...kinds].sort()).toEqual(['duplicate', 'ragged', 'required', 'total', 'type']);
}, 60_000);

test('every spelling that departments use occurs', async () => {
  const wanted = {
    gb18030: /^(?![\s\S]*�)/,
    bom: /^\uFEFF/,
    semicolon: /^[^,\n]+;/,
    tab: /^[^,\n]+\t/,
    crlf: /\r\n/,
    lineBreakInQuotes: /"[^",\n]*[^",\n\r]\n[^",]+"/,
    thousands: /"\d{1,3},\d{3}\.\d\d"/,
    iso: /\d{4}-\d\d-\d\d/,
    slash: /\d{4}\/\d{1,2}\/\d{1,2}/,
    compact: /,20\d{6},/,
    chinese: /\d{4}年\d{1,2}月\d{1,2}日/,
    blanks: /,(空|无|N\/A|-),/,
    districts: /哈尔滨市南岗区/,
    leadingZero: /\n0\d+,/,
    eighteenDigits: /\n\d{18},/,
  };
  const missing = new Set(Object.keys(wanted));
  for (const file of names(city).flatMap((name) => city.truth(name).files)) {
    const bytes = await readFile(join(dir, file));
    const text = bytes.toString('utf8');
    for (const [what, pattern] of Object.entries(wanted)) {
      if (what === 'gb18030' ? text.includes('\uFFFD') : pattern.test(text)) missing.delete(what);
    }
  }
  expect([...missing]).toEqual([]);
}, 60_000);

test('the same seed gives the same bytes and another seed gives others', async () => {
  const other = await mkdtemp(join(tmpdir(), 'songhua-city-'));
  try {
    await createCity({ scale: SCALE }).write(other);
    expect(await digests(other)).toEqual(await digests(dir));
    await createCity({ scale: SCALE, seed: 12 }).write(other);
    expect(await digests(other)).not.toEqual(await digests(dir));
  } finally {
    await rm(other, { recursive: true, force: true });
  }
}, 60_000);

test('files that are there already are left alone, and damaged or missing ones are written again', async () => {
  const [first = '', second = ''] = city.truth('admission-scores').files.map((file) => join(dir, file));
  const before = await digests(dir);
  const times = await stat(first);
  expect((await createCity({ scale: SCALE }).write(dir)).written).toBe(0);
  expect((await stat(first)).mtimeMs).toBe(times.mtimeMs);
  await truncate(first, 10);
  await rm(second);
  expect((await city.write(dir)).written).toBe(2);
  expect(await digests(dir)).toEqual(before);
});

test('admission scores of four years are one dataset of four files in differing encodings and column orders', async () => {
  const truth = city.truth('admission-scores');
  const files = await Promise.all(truth.files.map((file) => readFile(join(dir, file))));
  expect(files).toHaveLength(4);
  const headers = files.map((bytes) => records(bytes)[0]?.join() ?? '');
  expect(new Set(headers).size).toBe(2);
  expect(new Set(headers.map((header) => header.split(',').sort().join())).size).toBe(1);
});

test('real data stands beside the city, counted apart: all villages at scale 1, Harbin below', async () => {
  expect(await city.realTotals()).toMatchObject({ datasets: 5, records: 31 + 342 + 2_978 + 41_352 + 3_158 });
  const whole = createCity();
  expect((await whole.realTruth('division-villages')).publishedRows).toBe(620_573);
  const harbin = await city.realTruth('division-harbin-villages');
  expect((await readDataset(dir, harbin)).published).toBe(3_158);
});
