import { createReadStream } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readNdjsonGz } from './ndjson.js';

const anything = { parse: (value: unknown) => value };
const all = async (packed: Readable): Promise<unknown[]> => {
  const values: unknown[] = [];
  for await (const value of readNdjsonGz(packed, anything)) values.push(value);
  return values;
};
const pack = (values: unknown[], end = '\n'): Buffer =>
  gzipSync(values.map((value) => JSON.stringify(value)).join('\n') + (values.length > 0 ? end : ''));

test('every value is read as it was written, wherever the stream is cut into chunks', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), sizes, fc.constantFrom('', '\n', '\r\n'), async (written, cuts, end) => {
      const values: unknown[] = JSON.parse(JSON.stringify(written));
      const packed = pack(values, end);
      const chunks: Buffer[] = [];
      for (let at = 0, i = 0; at < packed.length; i++) {
        const size = cuts[i % cuts.length] ?? 1;
        chunks.push(packed.subarray(at, at + size));
        at += size;
      }
      expect(await all(Readable.from(chunks))).toEqual(values);
    }),
  );
});

test('text of many chunks keeps what a chunk ends in: characters, lines and members', async () => {
  const rows = Array.from({ length: 20_000 }, (_, row) => ({ row, name: '松北区\n' }));
  const members = Buffer.concat([pack(rows.slice(0, 7_000)), pack(rows.slice(7_000))]);
  expect(await all(Readable.from([members]))).toEqual(rows);
});

test('what is cut, damaged or not there fails, and is never taken for all there is', async () => {
  const packed = pack(Array.from({ length: 20_000 }, (_, row) => ({ row, twice: row * 2 })));
  await expect(all(Readable.from([packed.subarray(0, packed.length - 20)]))).rejects.toThrow('unexpected end of file');
  await expect(all(Readable.from([Buffer.from('{"plain":1}\n')]))).rejects.toThrow('incorrect header check');
  await expect(all(createReadStream('/nowhere/rejected.ndjson.gz'))).rejects.toMatchObject({ code: 'ENOENT' });
  const dropped = new PassThrough();
  dropped.write(packed.subarray(0, 1000));
  const reading = all(dropped);
  dropped.destroy(new Error('the store is away'));
  await expect(reading).rejects.toThrow('the store is away');
});

test('who has enough closes the source', async () => {
  const source = Readable.from([pack([1, 2, 3])]);
  const closed = new Promise((resolve) => source.once('close', resolve));
  for await (const value of readNdjsonGz(source, anything)) {
    expect(value).toBe(1);
    break;
  }
  await closed;
});
