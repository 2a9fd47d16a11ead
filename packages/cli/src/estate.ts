import { copyFile, mkdir, open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Resource } from '@songhua/contracts';
import { deriveId, isName, SonghuaError } from '@songhua/domain';

/** A folder of CSV files as datasets with one file connector each. One of them reads a copy, which the benchmark may change. */
export interface Estate {
  resources: Resource[];
  files: number;
  bytes: number;
  /** The connector whose source may be changed, and that file. */
  changing: { connector: string; path: string };
}

// "One changed file" is judged on a file of about this many rows.
const CHANGED_ROWS = 5_000;
const SAMPLE_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** Describes `dir`; the changeable copy goes to `copies`. Throws `usage.dir` when there is no CSV file. */
export async function readEstate(dir: string, copies: string): Promise<Estate> {
  const root = resolve(dir);
  const names = (await readdir(root).catch(() => [])).filter((name) => name.toLowerCase().endsWith('.csv')).sort();
  if (names.length === 0)
    throw new SonghuaError('usage.dir', `${dir} holds no .csv file: name a folder with one CSV file a dataset`, {
      actor: 'operator',
    });
  const files = await Promise.all(
    names.map(async (name) => ({ name, path: join(root, name), bytes: (await stat(join(root, name))).size })),
  );

  const changing = await nearestTo(CHANGED_ROWS, files);
  await mkdir(copies, { recursive: true });
  const copy = join(copies, changing.name);
  await copyFile(changing.path, copy);

  const resources: Resource[] = [
    {
      apiVersion: 'songhua/v1',
      kind: 'Department',
      metadata: { name: 'bench' },
      spec: { title: '基准测试', titleEn: 'Benchmark' },
    },
    {
      apiVersion: 'songhua/v1',
      kind: 'Domain',
      metadata: { name: 'bench' },
      spec: { title: '基准测试', titleEn: 'Benchmark' },
    },
  ];
  let connector = '';
  for (const file of files) {
    const name = datasetName(file.name);
    if (file === changing) connector = name;
    resources.push(
      {
        apiVersion: 'songhua/v1',
        kind: 'Dataset',
        metadata: { name },
        spec: {
          title: basename(file.name, '.csv'),
          department: 'bench',
          domain: 'bench',
          frequency: 'DAILY',
          primaryKey: [],
          schemaPolicy: 'hold',
          guards: { maxShrink: 0.5, maxRejected: 0.5 },
        },
      },
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name },
        spec: {
          dataset: name,
          kind: 'file',
          mode: 'full',
          config: { path: file === changing ? copy : file.path },
          secrets: {},
        },
      },
    );
  }
  return {
    resources,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    changing: { connector, path: copy },
  };
}

/** File names may be in any script: what is not a name becomes one, told apart by a hash of the whole. */
function datasetName(file: string): string {
  const stem = file.slice(0, -'.csv'.length).toLowerCase();
  if (isName(stem)) return stem;
  const slug = stem
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return [slug, deriveId('f', file).slice(2, 14)].filter(Boolean).join('-');
}

async function nearestTo<F extends { path: string; bytes: number }>(rows: number, files: F[]): Promise<F> {
  const sample = Buffer.alloc(SAMPLE_BYTES);
  let nearest: { file: F; distance: number } | undefined;
  for (const file of files) {
    const handle = await open(file.path);
    try {
      const { bytesRead } = await handle.read(sample, 0, SAMPLE_BYTES, 0);
      const guessed = (file.bytes / Math.max(bytesRead, 1)) * linesIn(sample.subarray(0, bytesRead));
      const distance = Math.abs(guessed - rows);
      if (!nearest || distance < nearest.distance) nearest = { file, distance };
    } finally {
      await handle.close();
    }
  }
  if (!nearest) throw new Error('an estate has at least one file');
  return nearest.file;
}

function linesIn(text: Buffer): number {
  let lines = 1;
  for (let at = text.indexOf(LINE_FEED); at >= 0; at = text.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}

/**
 * Changes one row in the middle of the file, in place: a digit becomes the next one. Lines stay lines and quotes stay quotes, whatever
 * the dialect, so the only difference a reader sees is that cell.
 */
export async function changeOneRow(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    const sample = Buffer.alloc(SAMPLE_BYTES);
    for (let from = Math.floor(size / 2); from < size; from += SAMPLE_BYTES) {
      const { bytesRead } = await handle.read(sample, 0, SAMPLE_BYTES, from);
      // Past the first line end, so that a header is never touched.
      const start = from === Math.floor(size / 2) ? sample.indexOf(LINE_FEED) + 1 : 0;
      const at = sample.subarray(0, bytesRead).findIndex((byte, i) => i >= start && byte >= DIGIT_0 && byte <= DIGIT_9);
      if (at < 0) continue;
      const digit = sample[at] ?? DIGIT_0;
      await handle.write(Buffer.from([digit === DIGIT_9 ? DIGIT_9 - 1 : digit + 1]), 0, 1, from + at);
      return;
    }
  } finally {
    await handle.close();
  }
  throw new SonghuaError(
    'usage.dir',
    `${path} has no digit in its second half to change; choose an estate with data in it`,
    { actor: 'operator' },
  );
}
