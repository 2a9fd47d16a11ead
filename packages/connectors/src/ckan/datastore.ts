import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type LocalFile,
  type ReadContext,
  type Reading,
  readingFor,
  readingOf,
  readTables,
  remapCsv,
  type SourceMessage,
  sourceError,
  throwIfAborted,
} from '@songhua/connector-sdk';
import type { SourceColumn } from '@songhua/contracts';
import { nameColumns } from '@songhua/formats';
import { z } from 'zod';
import type { CkanConfig } from './config.js';
import type { Portal } from './portal.js';
import type { Resource } from './resource.js';

const cursorSchema = z.object({ version: z.literal(1), reading: z.string(), sha256: z.string() });

// CKAN's own number of a row: another one after each load, so no part of the data.
const ROW_NUMBER = '_id';

/** Reads all rows that the DataStore holds of a resource. Nothing tells whether they changed but themselves. */
export async function* readDatastore(
  context: ReadContext<CkanConfig>,
  portal: Portal,
  resource: Resource,
): AsyncGenerator<SourceMessage> {
  const reading = readingOf(context.config);
  const parsed = cursorSchema.safeParse(context.cursor);
  const known = parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
  const { files, fields, rows } = await fetchPages(context, portal, resource);
  const columns = nameColumns(fields.filter((field) => field !== ROW_NUMBER));
  const table = readTables(files, pagesReading(context));
  const hash = createHash('sha256').update(JSON.stringify(columns));
  if (known) {
    // Once for what it comes to, and again for its rows, so that memory holds neither.
    for await (const message of inColumns(readTables(files, pagesReading(context)), columns))
      if (message.type === 'rows') hash.update(message.csv);
    if (hash.digest('hex') === known.sha256) return yield { type: 'unchanged' };
  }
  const again = createHash('sha256').update(JSON.stringify(columns));
  let bytes = 0;
  yield { type: 'start', columns };
  if (rows > 0)
    for await (const message of inColumns(table, columns)) {
      if (message.type === 'start') continue;
      if (message.type === 'rows') {
        bytes += message.csv.length;
        again.update(message.csv);
      }
      yield message;
    }
  const sha256 = again.digest('hex');
  if (rows > 0) yield { type: 'lines', runs: [{ row: 0, line: 1, file: 0 }] };
  yield {
    type: 'end',
    files: [{ name: resource.name || resource.id, bytes, sha256 }],
    cursor: { version: 1, reading, sha256 },
  };
}

const pagesReading = (context: ReadContext<CkanConfig>): Reading => ({
  ...readingFor(context),
  options: { recordPath: '/result/records' },
});

/** Rows of pages, whose columns come as their records show them, in the columns of the table. */
async function* inColumns(
  table: AsyncGenerator<SourceMessage, unknown>,
  columns: SourceColumn[],
): AsyncGenerator<SourceMessage> {
  let mapping: number[] = [];
  for await (const message of table) {
    if (message.type === 'start') {
      const sources = message.columns.map(({ source }) => source);
      mapping = columns.map(({ source }) => sources.indexOf(source));
    }
    // Where its rows stand in the pages says nothing of where they stand in the resource.
    if (message.type === 'lines') continue;
    if (message.type === 'rejected') yield { ...message, rows: message.rows.map((row) => ({ ...row, file: 0 })) };
    else yield message.type === 'rows' ? { ...message, csv: remapCsv(message.csv, mapping) } : message;
  }
}

/** Spools every page. Throws `source.changed-while-reading` when their number of rows changes on the way. */
export async function fetchPages(
  { signal, tempDir, limits }: ReadContext<CkanConfig>,
  portal: Portal,
  { id, name }: Resource,
  most = Number.POSITIVE_INFINITY,
): Promise<{ files: LocalFile[]; fields: string[]; rows: number; total: number }> {
  const files: LocalFile[] = [];
  let fields: string[] = [];
  let rows = 0;
  let total: number | undefined;
  for (;;) {
    throwIfAborted(signal);
    const path = join(tempDir, `page-${files.length}`);
    const page = await portal.page(id, rows, path);
    if (total !== undefined && (page.total !== total || page.fields.join('\0') !== fields.join('\0')))
      throw changed(name || id, `${total} rows became ${page.total}`);
    ({ total, fields } = page);
    rows += page.rows;
    if (page.rows > 0) files.push({ name: `${name || id}.json`, path });
    if (rows >= Math.min(total, most)) return { files, fields, rows, total };
    if (page.rows === 0) throw changed(name || id, `${total} rows were told, ${rows} came`);
    if (rows * 2 > limits.maxBytes) throw changed(name || id, 'it grows without end');
  }
}

const changed = (name: string, what: string): Error =>
  sourceError('source.changed-while-reading', `resource ${name} changed while it was read: ${what}; it is read again`);
