import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EstateRepository, RenderedFile, VersionDetail } from '@songhua/catalog';
import type { ManifestFile } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { type ObjectStore, uploadVerified } from '@songhua/object-store';
import { withFolder } from '@songhua/runtime';
import type { Tables } from '@songhua/tables';
import pLimit from 'p-limit';
import type { ParquetCache } from './parquet-cache.js';

const FORMATS = {
  'data.csv': { format: 'csv', mediaType: 'text/csv; charset=utf-8; header=present' },
  'data.ndjson': { format: 'ndjson', mediaType: 'application/x-ndjson' },
  'data.xlsx': { format: 'xlsx', mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
} as const;
type DataFile = keyof typeof FORMATS;
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
  catalog: EstateRepository;
  store: ObjectStore;
  cache: ParquetCache;
  tables: () => Promise<Tables>;
  tempDirectory: string;
}): Renders {
  const { catalog, store, cache, tables, tempDirectory } = options;
  const running = new Map<string, Promise<RenderedFile>>();
  const limit = pLimit(AT_ONCE);

  const write = async (version: VersionDetail, name: string, out: string): Promise<void> => {
    if (name === SCHEMA_FILE) {
      const { dataset, version: number, identity, schema } = version;
      return writeFile(out, `${JSON.stringify({ dataset, version: number, identity, ...schema }, null, 2)}\n`);
    }
    const { format } = FORMATS[name as DataFile];
    if (format === 'xlsx' && version.rows > XLSX_MAX_ROWS)
      throw new SonghuaError(
        'file.unavailable',
        `data.xlsx is made of at most ${XLSX_MAX_ROWS} rows, this version has ${version.rows}; use data.csv or data.parquet`,
        { actor: 'department' },
      );
    const engine = await tables();
    return cache.use(dataFile(version), (parquet) => engine.render(parquet, format, version.schema, out));
  };

  const make = (version: VersionDetail, name: string): Promise<RenderedFile> =>
    withFolder(tempDirectory, 'render', async (folder) => {
      const path = join(folder, name);
      await write(version, name, path);
      const mediaType = name === SCHEMA_FILE ? 'application/json; charset=utf-8' : FORMATS[name as DataFile].mediaType;
      const file = await uploadVerified(store, { key: renderKey(version, name), path, mediaType, name });
      const recorded = await catalog.recordRender(version, file);
      // Another replica was first.
      if (recorded.key !== file.key) await store.delete([file.key]);
      return recorded;
    });

  return {
    async get(version, name) {
      const recorded = await catalog.render(version, name);
      if (recorded) return recorded;
      const id = `${version.datasetId}/${version.version}/${name}`;
      const known = running.get(id);
      if (known !== undefined) return known;
      const made = limit(() => make(version, name)).finally(() => running.delete(id));
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
