import { join } from 'node:path';
import {
  cutRows,
  type Pushed,
  type PushedItem,
  type ReadContext,
  readingFor,
  readTables,
  remapCsv,
  type SourceMessage,
  shiftRuns,
  sourceError,
  throwIfAborted,
  tooLarge,
} from '@songhua/connector-sdk';
import { type Cursor, MAX_BATCH_BYTES, OPERATIONS } from '@songhua/contracts';
import { z } from 'zod';
import type { PushConfig } from './push.js';
import { type Section, sectionsOf, unifySections } from './sections.js';

const cursorSchema = z.object({
  version: z.literal(1),
  /** Of the last item that was read. */
  number: z.int().nonnegative(),
});

/**
 * Reads what came since the cursor: in mode `full` the last item, in the others as many as can be read together, in order of arrival; the cursor
 * goes no further than they do.
 */
export async function* readPushed(context: ReadContext<PushConfig>, pushed: Pushed): AsyncGenerator<SourceMessage> {
  const { mode, primaryKey, signal, tempDir, limits } = context;
  throwIfAborted(signal);
  const items = await pushed.after(numberOf(context.cursor));
  const wanted = mode === 'full' ? items.slice(-1) : together(items, limits.maxBytes);
  const last = wanted.at(-1);
  if (last === undefined) return yield { type: 'unchanged' };
  await pushed.reading(wanted);
  if (wanted.reduce((sum, { bytes }) => sum + bytes, 0) > limits.maxBytes) throw tooLarge(limits.maxBytes);
  const reading = readingFor(context);
  const sections: Section[] = [];
  for (const [index, item] of wanted.entries()) {
    throwIfAborted(signal);
    const path = join(tempDir, `item-${index}`);
    await item.fetch(path);
    sections.push(...(await sectionsOf({ name: item.name, path }, index, { reading, primaryKey })));
  }
  if (sections.length === 0) throw noRows(wanted);
  const operations = sections.some(({ operation }) => operation === OPERATIONS.delete);
  const { columns, mappings } = unifySections(sections, primaryKey);
  yield { type: 'start', columns, scope: mode === 'full' ? 'all' : 'part', ...(operations ? { operations } : {}) };
  let rows = 0;
  for (const [at, section] of sections.entries()) {
    const table = readTables([section.file], {
      ...reading,
      options: { ...reading.options, ...section.options },
    });
    const firstRow = rows;
    for await (const message of table) {
      if (message.type === 'rejected')
        yield { type: 'rejected', rows: message.rows.map((row) => ({ ...row, file: section.index })) };
      if (message.type === 'lines') yield { type: 'lines', runs: shiftRuns(message.runs, firstRow, section.index) };
      if (message.type !== 'rows') continue;
      rows += message.rows;
      const csv = remapCsv(message.csv, mappings[at] ?? [], operations ? section.operation : undefined);
      for (const part of cutRows(csv, MAX_BATCH_BYTES)) yield { type: 'rows', ...part };
    }
  }
  const files = wanted.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
  yield { type: 'end', files, cursor: { version: 1, number: last.number } };
}

/** The first items: as many as fit, at least one, and none after one that is apart. */
function together(items: PushedItem[], maxBytes: number): PushedItem[] {
  let bytes = 0;
  const end = items.findIndex((item, at) => {
    bytes += item.bytes;
    return at > 0 && (bytes > maxBytes || items[at - 1]?.apart);
  });
  return end < 0 ? items : items.slice(0, end);
}

const numberOf = (cursor: Cursor | undefined): number => {
  const parsed = cursorSchema.safeParse(cursor);
  return parsed.success ? parsed.data.number : 0;
};

const noRows = (items: PushedItem[]): Error =>
  sourceError(
    'source.missing',
    `${items.map(({ name }) => name).join(', ')}: neither records nor deletes hold anything; send at least one of them`,
  );
