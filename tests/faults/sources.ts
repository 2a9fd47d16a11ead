import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Resource } from '@songhua/contracts';

/** Rows of each source: small ones, one of several batches, and one of several landed parts' worth of batches. */
export const SIZES = [3, 40, 700, 9_000, 30_000];

const row = (seed: number, i: number, revision: number): string =>
  `${seed}-${i},"设施 ""${i % 900}"", 一号",南岗区,${2000 + ((i * 7 + revision) % 25)}-0${1 + (i % 9)}-1${i % 10},${((i * 37 + revision) % 100_000) / 100},${revision}\n`;

/** Writes the sources into `dir`; the same revision gives the same bytes, another one changes every row. */
export function writeSources(dir: string, revision = 0): void {
  for (const seed of SIZES.keys()) writeSource(dir, seed, revision);
}

/** Writes one of the sources, whole at once. */
export function writeSource(dir: string, seed: number, revision: number): void {
  mkdirSync(dir, { recursive: true });
  const lines = Array.from({ length: SIZES[seed] ?? 0 }, (_, i) => row(seed, i, revision));
  const path = join(dir, `s${seed}.csv`);
  writeFileSync(`${path}.new`, `编号,名称,区县,日期,数值,批次\n${lines.join('')}`);
  renameSync(`${path}.new`, path);
}

/** Datasets over those sources, under names of one round, so that every round starts from nothing. */
export function roundOf(round: string, dir: string): { resources: Resource[]; names: string[] } {
  const names = SIZES.map((_, seed) => `${round}-s${seed}`);
  const resources: Resource[] = [
    { apiVersion: 'songhua/v1', kind: 'Department', metadata: { name: 'faults' }, spec: { title: '故障' } },
    { apiVersion: 'songhua/v1', kind: 'Domain', metadata: { name: 'faults' }, spec: { title: '故障' } },
    ...names.flatMap((name, seed): Resource[] => [
      {
        apiVersion: 'songhua/v1',
        kind: 'Dataset',
        metadata: { name },
        spec: {
          title: name,
          department: 'faults',
          domain: 'faults',
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
        spec: { dataset: name, kind: 'file', mode: 'full', config: { path: join(dir, `s${seed}.csv`) }, secrets: {} },
      },
    ]),
  ];
  return { resources, names };
}
