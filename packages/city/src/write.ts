import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type RealTable, realBytes } from './china-division.js';
import { formatOf } from './formats/all.js';
import { LOGIN_PAGE } from './login-page.js';
import type { DatasetPlan, Part } from './types.js';

/** Counts up whenever the same plan would give other bytes, so that files of an older generator are written anew. */
const GENERATOR = 5;
// One file's rows are made while others wait for the disk.
const IN_FLIGHT = 4;
const MARKERS = '.city/markers.json';

export interface WriteProgress {
  files: number;
  filesTotal: number;
  bytes: number;
}

export interface WriteOptions {
  /** Names of the only datasets to write; files of others that were written before are removed. All when absent. */
  datasets?: readonly string[];
  /** Called after each file. */
  onProgress?: (progress: WriteProgress) => void;
}

export interface WriteResult {
  files: number;
  written: number;
  /** Already there with the same content. */
  skipped: number;
  /** Written by an earlier call, and no longer part of the city. */
  removed: number;
  bytes: number;
}

/** What a city is written from. */
export interface Sources {
  plans: readonly DatasetPlan[];
  real: readonly RealTable[];
}

interface CityFile {
  path: string;
  marker: string;
  pieces(): Iterable<Buffer> | AsyncIterable<Buffer>;
}

type Markers = Record<string, { marker: string; bytes: number }>;

/**
 * Brings the files under `dir` to what the plans say: writes what is new or different (each to a temporary name first, so that
 * a reader never sees half a file), leaves what is already right, deletes what it wrote before and is gone. Never touches other files.
 */
export async function writeCity(dir: string, sources: Sources, options: WriteOptions = {}): Promise<WriteResult> {
  const files = [...sources.plans.flatMap(filesOf), ...sources.real.map(realFile)];
  const known = await readMarkers(dir);
  const markers: Markers = {};
  const result: WriteResult = { files: files.length, written: 0, skipped: 0, removed: 0, bytes: 0 };
  let done = 0;
  const bring = async (file: CityFile): Promise<void> => {
    const target = join(dir, file.path);
    const before = known[file.path];
    const intact = before?.marker === file.marker && (await sizeOf(target)) === before.bytes;
    const bytes = intact ? before.bytes : await writeFileOf(target, file);
    result[intact ? 'skipped' : 'written']++;
    result.bytes += bytes;
    markers[file.path] = { marker: file.marker, bytes };
    done++;
    options.onProgress?.({ files: done, filesTotal: files.length, bytes: result.bytes });
  };
  const queue = files.values();
  const worker = async (): Promise<void> => {
    for (const file of queue) await bring(file);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  for (const path of Object.keys(known)) {
    if (path in markers) continue;
    await rm(join(dir, path), { force: true });
    result.removed++;
  }
  await mkdir(dirname(join(dir, MARKERS)), { recursive: true });
  await writeFile(join(dir, MARKERS), JSON.stringify(markers));
  return result;
}

function filesOf(plan: DatasetPlan): CityFile[] {
  if (plan.state === 'missing') return [];
  const format = formatOf(plan.format);
  return plan.parts.map((part) => ({
    path: part.path,
    marker: markerOf(plan, part),
    pieces: () => (plan.state === 'html' ? [Buffer.from(LOGIN_PAGE)] : format.encode(plan, part)),
  }));
}

function realFile(real: RealTable): CityFile {
  return { path: real.path, marker: `china-division:${real.codePrefix ?? 'all'}`, pieces: () => realBytes(real) };
}

/** A hash of all that a file's bytes are made from. */
function markerOf(plan: DatasetPlan, part: Part): string {
  const { seed, state, format, shape, fields, dress } = plan;
  const { removed, revisions, ...rest } = part;
  const headers = fields.map((field) => field.header);
  const facts = [GENERATOR, seed, state, format, shape ?? '', headers, dress, rest, [...removed], [...revisions]];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

async function writeFileOf(target: string, file: CityFile): Promise<number> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.part`;
  const handle = await open(temporary, 'w');
  let bytes = 0;
  try {
    for await (const piece of file.pieces()) {
      await handle.writeFile(piece);
      bytes += piece.length;
    }
  } finally {
    await handle.close();
  }
  await rename(temporary, target);
  return bytes;
}

async function readMarkers(dir: string): Promise<Markers> {
  try {
    return JSON.parse(await readFile(join(dir, MARKERS), 'utf8')) as Markers;
  } catch {
    // Missing or torn: everything is written again.
    return {};
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
