import { type LocalFile, type Reading, type ReadingOptions, streamsOf, unifyColumns } from '@songhua/connector-sdk';
import { OPERATIONS, type SourceColumn } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import { listsAtTop } from './lists.js';

/** One table among what was sent, and what its rows do. */
export interface Section {
  file: LocalFile;
  /** Index among all files. */
  index: number;
  operation: typeof OPERATIONS.put | typeof OPERATIONS.delete;
  options: Partial<ReadingOptions>;
  columns: SourceColumn[];
}

// Deletes first.
const LISTS = [
  ['deletes', OPERATIONS.delete],
  ['records', OPERATIONS.put],
] as const;
// What a list without elements, or one that is not there, ends with.
const NO_ROWS = new Set(['records.missing', 'source.empty']);

/**
 * The tables of a file: itself, or the lists of a JSON document that has `records`, `deletes` or both at its top, whatever else it holds;
 * deletes first, so that a row that is deleted and given anew in one document is there.
 */
export async function sectionsOf(
  file: LocalFile,
  index: number,
  { reading, primaryKey }: { reading: Reading; primaryKey: string[] },
): Promise<Section[]> {
  const lists = await listsAtTop(file.path, reading.limits.bytes ?? Number.POSITIVE_INFINITY);
  if (!LISTS.some(([name]) => lists.has(name))) {
    const [stream] = await streamsOf([file], reading);
    return [{ file, index, operation: OPERATIONS.put, options: {}, columns: stream?.columns ?? [] }];
  }
  const sections: Section[] = [];
  for (const [name, operation] of LISTS) {
    if (!lists.has(name)) continue;
    const options = { recordPath: `/${name}` };
    const columns = await columnsAt(file, { ...reading, options: { ...reading.options, ...options } });
    if (columns && columns.length > 0)
      sections.push({ file, index, operation, options, columns: keyed(columns, operation, primaryKey) });
  }
  return sections;
}

async function columnsAt(file: LocalFile, reading: Reading): Promise<SourceColumn[] | undefined> {
  try {
    const [stream] = await streamsOf([file], reading);
    return stream?.columns;
  } catch (error) {
    if (NO_ROWS.has(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Keys of one column may be sent as they are, without an object around each. */
function keyed(columns: SourceColumn[], operation: string, primaryKey: string[]): SourceColumn[] {
  const [key, ...others] = primaryKey;
  const bare = columns.length === 1 && columns[0]?.name === 'value';
  if (operation !== OPERATIONS.delete || !bare || key === undefined || others.length > 0) return columns;
  return [{ name: key, source: key }];
}

/** The columns of all sections, and how the cells of each come to stand in them. */
export function unifySections(
  sections: Section[],
  primaryKey: string[],
): { columns: SourceColumn[]; mappings: number[][] } {
  // The key of what is deleted has no place of its own where there is a row.
  const first = primaryKey.map((name) => ({ name, source: name }));
  const inOrder = [...sections].sort((a, b) => (a.operation < b.operation ? -1 : a.operation > b.operation ? 1 : 0));
  const known = new Set(sections.flatMap(({ columns }) => columns.map(({ name }) => name)));
  const { columns } = unifyColumns([
    ...inOrder.map((section) => section.columns),
    first.filter(({ name }) => known.has(name)),
  ]);
  const mappings = sections.map((section) => {
    const position = new Map(section.columns.map((column, index) => [column.name, index]));
    return columns.map((column) => position.get(column.name) ?? -1);
  });
  return { columns, mappings };
}
