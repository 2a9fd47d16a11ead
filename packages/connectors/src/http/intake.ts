import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  createDetectionMemory,
  type Detection,
  type LocalFile,
  type ReadContext,
  readingFor,
  readTables,
  type SourceMessage,
  sourceError,
} from '@songhua/connector-sdk';
import type { LineRun, SourceFile, SyncWarning } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import type { HttpConfig } from './config.js';
import type { Download } from './download.js';
import type { RowSpool } from './row-spool.js';
import type { Greatest } from './since.js';

export interface TakenPage {
  /** Rejected ones too. */
  rows: number;
  /** Hex; the same rows have the same one, whatever else the answer holds. */
  digest: string;
}

export interface Intake {
  /** Reads one spooled page into the rows; a page that says it has none has 0. */
  take(download: Download, file: LocalFile): Promise<TakenPage>;
  readonly rows: number;
  readonly files: SourceFile[];
  readonly lines: LineRun[];
  readonly detections: Detection[];
  readonly warnings: SyncWarning[];
  /** Why the first page had no rows, when all it said was that it is empty. */
  readonly empty: unknown;
}

// More than anybody looks through in a manifest; pages after these are told as one file.
const MAX_FILES = 1000;

/** Reads pages one after the other the way the first one is read, so that an error page is never taken for rows. */
export function createIntake(
  context: ReadContext<HttpConfig>,
  {
    spool,
    greatest,
    remembered,
  }: { spool: RowSpool; greatest: Greatest | undefined; remembered: Detection[] | undefined },
): Intake {
  const memory = createDetectionMemory(remembered);
  const files: SourceFile[] = [];
  const lines: LineRun[] = [];
  let rows = 0;
  let first: Shape | undefined;
  let empty: unknown;

  const read = async (file: LocalFile, fileNumber: number): Promise<TakenPage> => {
    const digest = createHash('sha256');
    const now = first === undefined ? memory : createDetectionMemory();
    const options = { ...first?.hints, ...context.config };
    const tables = readTables([file], { ...readingFor({ ...context, config: options }), memory: now });
    const firstRow = rows;
    let pageRows = 0;
    let columns: Extract<SourceMessage, { type: 'start' }>['columns'] = [];
    const runs: LineRun[] = [];
    for await (const message of tables) {
      if (message.type === 'start') {
        const shape = await shapeOf(file.path, message);
        if (first !== undefined && !isAlike(first, shape)) throw otherShape(file.name, first, shape);
        first ??= shape;
        columns = message.columns;
        spool.columns(columns);
      } else if (message.type === 'rows') {
        digest.update(message.csv);
        greatest?.see(columns, message.csv, message.rows);
        await spool.rows(columns, message.csv, message.rows);
        rows += message.rows;
        pageRows += message.rows;
      } else if (message.type === 'rejected') {
        digest.update(JSON.stringify(message.rows));
        await spool.rejected(message.rows.map((row) => ({ ...row, file: fileNumber })));
        pageRows += message.rows.length;
      } else if (message.type === 'lines') runs.push(...message.runs.slice(0, 2 - runs.length));
    }
    if (first !== undefined && first.hints === undefined) first.hints = hintsOf(memory.kept[0]);
    if (files.length < MAX_FILES) lines.push(...linesOf(runs, firstRow, fileNumber));
    return { rows: pageRows, digest: digest.digest('hex') };
  };

  return {
    get rows() {
      return rows;
    },
    get empty() {
      return empty;
    },
    files,
    lines,
    detections: memory.kept,
    warnings: memory.warnings,
    async take(download, file) {
      const fileNumber = Math.min(files.length, MAX_FILES - 1);
      let page: TakenPage;
      try {
        page = await read(file, fileNumber);
      } catch (error) {
        if (!saysEmpty(error, { download, first, config: context.config })) throw error;
        if (first === undefined) empty ??= error;
        page = { rows: 0, digest: '' };
      }
      note(files, download, file.name);
      return page;
    },
  };
}

function note(files: SourceFile[], { bytes, sha256 }: Download, name: string): void {
  const last = files.at(-1);
  if (files.length < MAX_FILES || last === undefined) files.push({ name, bytes, sha256 });
  else {
    last.bytes += bytes;
    last.sha256 = createHash('sha256').update(last.sha256).update(sha256).digest('hex');
    last.name = `${last.name.split(' … ')[0]} … ${name}`;
  }
}

/** Where a page's rows stand, given the first two of its runs; where one run does not say it, the line is the record's place in its page. */
function linesOf(runs: LineRun[], firstRow: number, file: number): LineRun[] {
  const [run] = runs;
  if (run === undefined) return [];
  return runs.length === 1 ? [{ ...run, row: firstRow, file }] : [{ row: firstRow, line: 1, file }];
}

interface Shape {
  format: string;
  /** Where the records are, for JSON and XML. */
  records: string | undefined;
  /** First character of the text. */
  opening: string;
  columns: string[];
  /** How the pages after this one are read. */
  hints?: Partial<HttpConfig> | undefined;
}

async function shapeOf(
  path: string,
  { columns, decisions = [] }: Extract<SourceMessage, { type: 'start' }>,
): Promise<Shape> {
  const found = (what: string) => decisions.findLast((decision) => decision.what === what)?.value;
  return {
    format: found('format') ?? '',
    records: found('records'),
    opening: await openingOf(path),
    columns: columns.map(({ name }) => name),
  };
}

async function openingOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1024), 0, 1024, 0);
    return /[^\s\uFEFF]/.exec(buffer.toString('utf8', 0, bytesRead))?.[0] ?? '';
  } finally {
    await file.close();
  }
}

function isAlike(first: Shape, page: Shape): boolean {
  if (first.format !== page.format || (first.records === undefined) !== (page.records === undefined)) return false;
  if (first.records === undefined) return true;
  if (first.opening !== page.opening) return false;
  if (!isRoot(first) || !isRoot(page)) return first.records === page.records;
  // One line of NDJSON is an object like any other; it must at least have something in common with the rows before it.
  return first.opening !== '{' || page.columns.some((name) => first.columns.includes(name));
}

const hasLines = (shape: Shape): boolean => shape.format === 'delimited' || (shape.opening === '{' && isRoot(shape));

const isRoot = ({ records }: Shape): boolean => records === undefined || !/^\/./.test(records);

const otherShape = (name: string, first: Shape, page: Shape): Error =>
  sourceError(
    'source.unreadable',
    `${name} is ${page.format} with its records at ${page.records ?? '/'}, the first page was ${first.format} with them at ${first.records ?? '/'}; perhaps it is an error message: open it, and say \`recordPath\` in the connector's config`,
  );

function hintsOf(detection: Detection | undefined): Partial<HttpConfig> {
  if (detection === undefined) return {};
  const { format, records, encoding, delimiter, quote, headerRows, preambleRows } = detection;
  if (format !== 'delimited') return records !== undefined && /^\/./.test(records) ? { recordPath: records } : {};
  return { delimiter, quote, headerRows, preambleRows, ...(encoding === undefined ? {} : { encoding }) };
}

function saysEmpty(
  error: unknown,
  { download, first, config }: { download: Download; first: Shape | undefined; config: HttpConfig },
): boolean {
  const code = codeOf(error);
  // Nothing at all is how lines end; other formats would have said so in words.
  if (code === 'source.empty')
    return download.bytes > 0 || download.status === 204 || first === undefined || hasLines(first);
  return (
    code === 'records.missing' && first !== undefined && (config.pagination?.alsoEnds.includes('no-records') ?? false)
  );
}
