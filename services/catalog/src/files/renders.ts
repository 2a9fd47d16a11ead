import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CatalogRepository, RenderedFile, VersionDetail } from '@songhua/catalog';
import type { ManifestFile } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import type { Tables } from '@songhua/tables';
import pLimit from 'p-limit';
import type { ParquetCache } from './parquet-cache.js';

const FORMATS = {
  'data.csv': { format: 'csv', mediaType: 'text/csv; charset=utf-8; header=present' },
  'data.ndjson': { format: 'ndjson', mediaType: 'application/x-ndjson' },
  'data.xlsx': { format: 'xlsx', mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
} as const;
const SCHEMA_FILE = 'schema.json';

/** Files that are made from a version on first request. */
export const RENDERED_FILES: readonly string[] = [...Object.keys(FORMATS), SCHEMA_FILE];

// A worksheet holds 1,048,576 rows, but spreadsheets of more than this open poorly and cost much memory to write.
const XLSX_MAX_ROWS = 100_000;
// Rendering is CPU work on one DuckDB; more at once only wait for each other with their files open.
const AT_ONCE = 2;

export interface Renders {
  /** The rendered file, made now when nobody asked for it before; its bytes never change afterwards (I1). */
  get(version: VersionDetail, name: string): Promise<RenderedFile>;
}

export function createRenders(options: {
  catalog: CatalogRepository;
  store: ObjectStore;
  cache: ParquetCache;
  tables: () => Promise<Tables>;
  tempDirectory: string;
}): Renders {
  const { catalog, store, cache, tables, tempDirectory } = options;
  const running = new Map<string, Promise<RenderedFile>>();
  const limit = pLimit(AT_ONCE);
  mkdirSync(tempDirectory, { recursive: true });

  const save = async (version: VersionDetail, file: RenderedFile): Promise<RenderedFile> => {
    const recorded = await catalog.recordRender(version, file);
    if (recorded.key !== file.key) await store.delete([file.key]);
    return recorded;
  };

  const makeSchema = async (version: VersionDetail): Promise<RenderedFile> => {
    const { dataset, version: number, identity, schema } = version;
    const body = Buffer.from(`${JSON.stringify({ dataset, version: number, identity, ...schema }, null, 2)}\n`);
    const key = renderKey(version, SCHEMA_FILE);
    const mediaType = 'application/json; charset=utf-8';
    await store.put(key, body, mediaType);
    const sha256 = createHash('sha256').update(body).digest('hex');
    return save(version, { name: SCHEMA_FILE, key, mediaType, bytes: body.length, sha256 });
  };

  const makeData = async (version: VersionDetail, name: keyof typeof FORMATS): Promise<RenderedFile> => {
    const { format, mediaType } = FORMATS[name];
    if (format === 'xlsx' && version.rows > XLSX_MAX_ROWS)
      throw new SonghuaError(
        'file.unavailable',
        `data.xlsx is made of at most ${XLSX_MAX_ROWS} rows, this version has ${version.rows}; use data.csv or data.parquet`,
        { actor: 'department' },
      );
    const folder = await mkdtemp(join(tempDirectory, 'render-'));
    try {
      const out = join(folder, name);
      const engine = await tables();
      await cache.use(dataFile(version), (parquet) => engine.render(parquet, format, version.schema, out));
      const key = renderKey(version, name);
      const sha256 = await hashFile(out);
      await store.putFile(key, out, mediaType);
      return await save(version, { name, key, mediaType, bytes: (await stat(out)).size, sha256 });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };

  return {
    async get(version, name) {
      const recorded = await catalog.render(version, name);
      if (recorded) return recorded;
      const id = `${version.datasetId}/${version.version}/${name}`;
      const known = running.get(id);
      if (known !== undefined) return known;
      const made = limit(() =>
        name === SCHEMA_FILE ? makeSchema(version) : makeData(version, name as keyof typeof FORMATS),
      ).finally(() => running.delete(id));
      running.set(id, made);
      return made;
    },
  };
}

/** The rows of a version; throws when the manifest has none, which is a defect. */
export function dataFile(version: VersionDetail): ManifestFile {
  const file = version.files.find(({ name }) => name === 'data.parquet');
  if (file) return file;
  throw new SonghuaError('manifest.incomplete', `version ${version.version} of ${version.dataset} has no data.parquet`);
}

// Unique, so that two replicas that render at once never write to one object.
const renderKey = (version: VersionDetail, name: string): string =>
  `renders/${version.datasetId}/${version.version}/${randomUUID()}/${name}`;

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
