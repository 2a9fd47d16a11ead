import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WIDE_ROWS } from '../src/normalize/source.js';
import { type Bench, bench } from './harness.js';

let own: Bench;
beforeAll(() => {
  own = bench();
});
afterAll(() => own.close());

test('cells that look like rows are cells, also where several threads read', async () => {
  const rowLike = '1,"a\n2,b\n3,""c\n'.repeat(40);
  const rows = Array.from({ length: WIDE_ROWS }, (_, id) => [String(id), id % 500 === 0 ? rowLike : 'x']);
  const result = await own.refresh(['id', 'note'], rows);
  expect(result).toMatchObject({ rows: WIDE_ROWS, counts: { read: WIDE_ROWS, published: WIDE_ROWS, rejected: 0 } });
});
