import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import { codeOf } from '@songhua/domain';
import { createFolder, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const MEGABYTE = 1024 * 1024;

test('a gzip file is read as what it holds, however it is named and however many members it has', async () => {
  const text = `a,b\n${'1,甲\n'.repeat(50_000)}`;
  const bytes = Buffer.from(text);
  const members = Buffer.concat([gzipSync(bytes.subarray(0, 100_001)), gzipSync(bytes.subarray(100_001))]);
  const { rows, rejected, table } = await readAll(folder.write('data.csv', members));
  expect([rows.length, rejected, rows.at(-1)]).toEqual([50_000, [], ['1', '甲']]);
  expect(table.decisions[0]).toMatchObject({ what: 'container', value: 'gzip' });
});

test('a small gzip file keeps its footer apart', async () => {
  const { rows } = await readAll(folder.write('small.gz', gzipSync('a,b,c\n1,2,3\n合计,2,3\n')));
  expect(rows).toEqual([['1', '2', '3']]);
});

test('a truncated or damaged gzip file is refused', async () => {
  const packed = gzipSync(
    Buffer.from(Array.from({ length: 200_000 }, (_, i) => `${i},${(i * 7919) % 104_729}\n`).join('')),
  );
  const flipped = Buffer.from(packed);
  flipped[packed.length >> 1] = (flipped[packed.length >> 1] as number) ^ 0xff;
  for (const content of [packed.subarray(0, packed.length - 100), flipped]) {
    const error = await readAll(folder.write('bad.gz', content)).catch((e: unknown) => e);
    expect(codeOf(error)).toBe('container.damaged');
  }
});

test('a gzip bomb is cut at its ratio in bounded memory', async () => {
  const inner = gzipSync(Buffer.from('1,2\n'.repeat(MEGABYTE)));
  const bomb = Buffer.concat([gzipSync('a,b\n'), ...Array.from({ length: 100 }, () => inner)]);
  const path = folder.write('bomb.gz', bomb);
  const { openTables } = await import('../src/index.js');
  const [table] = await openTables({ path, name: 'bomb.gz' });
  let bytes = 0;
  const drain = async () => {
    for await (const batch of table?.batches() ?? []) if (batch.type === 'rows') bytes += batch.csv.length;
  };
  expect(codeOf(await drain().catch((e: unknown) => e))).toBe('limit.ratio');
  expect(bytes).toBeLessThan(80 * MEGABYTE);
}, 30_000);

test('an empty gzip file is an empty source', async () => {
  expect(codeOf(await readAll(folder.write('empty.gz', gzipSync(''))).catch((e: unknown) => e))).toBe('source.empty');
});
