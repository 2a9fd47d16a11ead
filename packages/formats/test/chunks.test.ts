import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createScanner, type ScanOptions } from '../src/delimited/scan.js';
import { specOf } from '../src/delimited/spec.js';
import { createDecoder, decodeEnd } from '../src/encoding/decode.js';
import { DEFAULT_LIMITS } from '../src/limits.js';

const options = (more: Partial<ScanOptions> = {}): ScanOptions => ({
  name: 'input.csv',
  spec: specOf({ delimiter: ',', quote: '"', escape: '"', lineEnding: 'lf' }),
  columns: 2,
  limits: DEFAULT_LIMITS,
  line: 1,
  offset: 0,
  encoding: () => 'utf-8',
  offsetOf: (_, offset) => offset,
  header: undefined,
  shapes: undefined,
  sizeHint: 1 << 20,
  ...more,
});

/** Reads `text` cut at `cuts`; returns everything that a receiver could see. */
function scan(text: Buffer, cuts: number[], scanOptions: ScanOptions, encoding = 'utf-8'): unknown {
  const scanner = createScanner(scanOptions);
  const decoder = createDecoder(encoding);
  const places = [0, ...[...cuts].sort((a, b) => a - b), text.length];
  const seen: { csv: string; rejected: unknown[]; lines: unknown[] } = { csv: '', rejected: [], lines: [] };
  const take = () => {
    for (const batch of scanner.take()) {
      if (batch.type === 'rejected') seen.rejected.push(...batch.rows);
      else {
        seen.csv += batch.csv.toString('utf8');
        seen.lines.push(...batch.lines);
      }
    }
  };
  for (let i = 0; i + 1 < places.length; i++) {
    scanner.push(decoder.decode(text.subarray(places[i], places[i + 1]), false), false);
    take();
  }
  scanner.push(decodeEnd(decoder), true);
  take();
  return seen;
}

const piece = fc.constantFrom(
  '甲,"乙\n丙"\n',
  '1,2\r\n',
  '\r\n',
  '"a""b",c\n',
  'x\n',
  '1,2,3\n',
  '😀,é\n',
  'a"b,c\n',
  '"a"b,c\n',
  '1,\u00002\n',
  '"x,y\n',
  '\n',
  'a\rb,c\n',
  '"",""\n',
);

test('what is read does not depend on where chunks end, be it inside a character, a quote or a line ending', () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.boolean(),
      fc.array(fc.nat(), { maxLength: 6 }),
      (pieces, cut, places) => {
        const text = Buffer.from(cut ? pieces.join('').slice(0, -1) : pieces.join(''));
        const cuts = places.map((p) => (text.length === 0 ? 0 : p % text.length));
        expect(scan(text, cuts, options())).toEqual(scan(text, [], options()));
      },
    ),
    { numRuns: 2000 },
  );
});

test('every single cut of a text in every encoding gives the same rows', () => {
  const text = '哈尔滨,"松花江\n甲"\n南岗区,道里区\n';
  const gb = Buffer.from([0xb9, 0xfe, 0xb6, 0xfb, 0x2c, 0x81, 0x30, 0x81, 0x30, 0x0a, 0xbc, 0xd7, 0x2c, 0x31, 0x0a]);
  for (const [encoding, bytes] of [
    ['utf-8', Buffer.from(text)],
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['utf-16be', Buffer.from(text, 'utf16le').swap16()],
    ['gb18030', gb],
  ] as const) {
    const whole = scan(bytes, [], options(), encoding);
    for (let cut = 0; cut <= bytes.length; cut++) expect(scan(bytes, [cut], options(), encoding)).toEqual(whole);
  }
});

test('rows emitted and rows rejected are the records of the file', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('1,2\n', '1,2,3\n', 'x\n', '1,\u00002\n', 'a"b,c\n'), { maxLength: 50 }),
      (pieces) => {
        const scanner = createScanner(options());
        scanner.push(Buffer.from(pieces.join('')), true);
        expect(scanner.rows + scanner.rejectedRows).toBe(pieces.length);
      },
    ),
  );
});

test('no batch is larger than 512 KiB, and none is lost at a boundary', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 12 }),
      fc.constantFrom('\n', '\r\n'),
      (sizes, eol) => {
        const text = Buffer.from(sizes.map((n, i) => `${i},${'x'.repeat(n)}${eol}`).join(''));
        const scanner = createScanner(options({ sizeHint: 100 }));
        for (let at = 0; at < text.length; at += 65_536) scanner.push(text.subarray(at, at + 65_536), false);
        scanner.push(Buffer.alloc(0), true);
        const batches = scanner.take().flatMap((b) => (b.type === 'rows' ? [b.csv] : []));
        expect(Math.max(...batches.map((b) => b.length))).toBeLessThanOrEqual(512 * 1024);
        expect(Buffer.concat(batches).toString()).toBe(text.toString().replaceAll('\r\n', '\n'));
      },
    ),
    { numRuns: 50 },
  );
});

test('never hangs or crashes on any bytes: everything is rows, rejected rows or an error with a code', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 10, 13, 34, 39, 44, 92, 97, 0xe4, 0xbd, 0xff), { maxLength: 60 }),
      fc.constantFrom(',', ', ', '||', ''),
      (bytes, delimiter) => {
        const spec = specOf({ delimiter, quote: '"', escape: '"', lineEnding: 'lf' });
        const scanner = createScanner(options({ spec }));
        scanner.push(Buffer.from(bytes), true);
        for (const batch of scanner.take()) expect(batch.type === 'rows' ? batch.csv.at(-1) : 10).toBe(10);
      },
    ),
    { numRuns: 5000 },
  );
});
