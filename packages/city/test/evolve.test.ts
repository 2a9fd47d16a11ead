import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createCity } from '@songhua/city';
import { difference, type Found, names, readDataset, records } from './read-city.js';

const SCALE = 0.02;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songhua-city-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test('the truth of each step says what was added, changed and removed in the files', async () => {
  const city = createCity({ scale: SCALE });
  await city.write(dir);
  const served = new Map<string, Found>();
  for (const name of names(city)) served.set(name, await readDataset(dir, city.truth(name)));
  for (let step = 1; step <= 3; step++) {
    const evolution = city.evolve(step);
    expect(evolution.updated.length).toBeGreaterThan(60);
    const written = await city.write(dir);
    expect(written.written).toBeGreaterThan(0);
    expect(written.written).toBeLessThan(250);
    for (const name of names(city)) {
      const truth = city.truth(name);
      if (truth.source !== 'sound') continue;
      const now = await readDataset(dir, truth);
      const before = served.get(name) as Found;
      expect({ step, name, ...difference(before, now, truth.schema.primaryKey.length > 0) }).toEqual({
        step,
        name,
        ...truth.changes,
      });
      expect({ name, rejected: now.rejected, published: now.published }).toEqual({
        name,
        rejected: truth.rejected,
        published: truth.publishedRows,
      });
      served.set(name, now);
    }
  }
}, 120_000);

test('each step breaks one source in each way, and the next step mends it', async () => {
  const city = createCity({ scale: SCALE });
  const { broken } = city.evolve(1);
  await city.write(dir);
  expect(broken.map((truth) => truth.source).sort()).toEqual(['empty', 'html', 'missing', 'renamed-column']);
  for (const { dataset, source, schema } of broken) {
    expect(city.truth(dataset).outcome).toBe('kept');
    const path = city.truth(dataset).files[0];
    if (source === 'missing') {
      expect(path).toBeUndefined();
      continue;
    }
    const bytes = await readFile(join(dir, path ?? ''));
    if (source === 'html') {
      expect(bytes.toString()).toContain('<!DOCTYPE html>');
      continue;
    }
    if (source === 'empty') expect(records(bytes)).toHaveLength(1);
    const known = new Set(schema.columns.map((column) => column.name));
    const unknown = records(bytes)[0]?.filter((header) => !known.has(header));
    if (source === 'renamed-column') expect(unknown).toHaveLength(1);
  }
  city.evolve(2);
  for (const { dataset, publishedRows } of broken) {
    const truth = city.truth(dataset);
    expect(truth.source).toBe('sound');
    if (truth.outcome === 'unchanged') expect(truth.publishedRows).toBe(publishedRows);
  }
});

test('a step is the same however it is reached, and step 0 is the beginning', () => {
  const walked = createCity({ scale: SCALE });
  for (let step = 1; step <= 3; step++) walked.evolve(step);
  const leapt = createCity({ scale: SCALE });
  leapt.evolve(5);
  expect(leapt.evolve(3)).toEqual(createCity({ scale: SCALE }).evolve(3));
  expect(names(leapt).map(leapt.truth)).toEqual(names(walked).map(walked.truth));
  leapt.evolve(0);
  const fresh = createCity({ scale: SCALE });
  expect(names(leapt).map(leapt.truth)).toEqual(names(fresh).map(fresh.truth));
});
