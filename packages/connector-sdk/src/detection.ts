import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { SyncWarning } from '@songhua/contracts';
import { type Decision, ONLY_ASCII, type TableReader } from '@songhua/formats';
import { z } from 'zod';

/** How one file was read: what a cursor remembers of it, so that it is found out once. Holds no cell of the file. */
export const detectionSchema = z.object({
  file: z.string(),
  /** Fingerprint of all that delimited text is told by; the same head is the same decision. */
  head: z.string(),
  container: z.string().optional(),
  format: z.string(),
  /** Absent while nothing beyond ASCII was seen. */
  encoding: z.string().optional(),
  delimiter: z.string(),
  quote: z.string(),
  escape: z.string(),
  lineEnding: z.enum(['lf', 'crlf', 'cr']),
  headerRows: z.int(),
  preambleRows: z.int(),
  /** Where the records of JSON and XML are. */
  records: z.string().optional(),
  /** Which table of a workbook or archive. */
  table: z.string().optional(),
  /** Fingerprint of the column names. */
  columns: z.string(),
});
export type Detection = z.infer<typeof detectionSchema>;

/** What detection found before, and what it finds now. */
export interface DetectionMemory {
  /** How `file` was read before. */
  recall(file: string): Detection | undefined;
  /** Keeps how a file is read now; what is different from before becomes a warning. */
  keep(now: Detection, decisions: Decision[]): void;
  readonly kept: Detection[];
  readonly warnings: SyncWarning[];
}

/** A memory that begins with what a cursor holds. A file of a new name is compared with the last one. */
export function createDetectionMemory(remembered: Detection[] = []): DetectionMemory {
  const byName = new Map(remembered.map((detection) => [detection.file, detection]));
  const kept: Detection[] = [];
  const warnings: SyncWarning[] = [];
  return {
    kept,
    warnings,
    recall: (file) => byName.get(file),
    keep(now, decisions) {
      const before = byName.get(now.file) ?? remembered.at(-1);
      const encoding = now.encoding ?? before?.encoding;
      kept.push({ ...now, ...(encoding === undefined ? {} : { encoding }) });
      if (before === undefined) return;
      const changes = changesBetween(before, now, decisions);
      if (changes.length > 0) warnings.push(changedWarning(now.file, changes));
    },
  };
}

// What detection decides from, see HEAD_BYTES of the formats.
const HEAD_BYTES = 64 * 1024;

/**
 * Fingerprint of the first bytes of a file and of whether it ends there; '' when they hold no line end, because then detection looks
 * further.
 */
export async function headOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(HEAD_BYTES + 1), 0, HEAD_BYTES + 1, 0);
    const head = buffer.subarray(0, Math.min(bytesRead, HEAD_BYTES));
    if (!head.includes('\n') && !head.includes('\r')) return '';
    return digest(head) + (bytesRead > HEAD_BYTES ? '+' : '.');
  } finally {
    await file.close();
  }
}

/** How `reader` reads `file`; complete once its rows were read, because a late character may decide the encoding. */
export function detectionOf(file: string, head: string, reader: TableReader): Detection {
  const { name, format, encoding, dialect, columns, decisions } = reader;
  const found = (what: Decision['what']) => decisions.findLast((decision) => decision.what === what);
  const container = found('container')?.value;
  const records = found('records')?.value;
  return {
    file,
    head,
    format,
    ...dialect,
    ...(found('encoding')?.evidence === ONLY_ASCII ? {} : { encoding }),
    ...(container === undefined ? {} : { container }),
    ...(records === undefined ? {} : { records }),
    ...(name === file ? {} : { table: name.startsWith(`${file}.`) ? name.slice(file.length + 1) : name }),
    columns: digest(JSON.stringify(columns)),
  };
}

/**
 * What may be told instead of found when `head` is the one that `before` was found from. Only for bare text: what other formats and
 * packed files are is not in their heads alone. Never the encoding, which later bytes may decide and which costs nothing to find.
 */
export function rememberedHints(
  before: Detection | undefined,
  head: string,
): Pick<Detection, 'delimiter' | 'quote' | 'headerRows' | 'preambleRows'> | undefined {
  if (head === '' || before?.head !== head || before.format !== 'delimited' || before.container !== undefined)
    return undefined;
  const { delimiter, quote, headerRows, preambleRows } = before;
  return { delimiter, quote, headerRows, preambleRows };
}

/** Whether a file that was opened with remembered hints is read exactly as before; then its decisions say so. */
export function holds(before: Detection, reader: TableReader): boolean {
  const now = detectionOf(before.file, before.head, reader);
  const same = SAME.every((field) => now[field] === before[field]);
  if (same)
    for (const decision of reader.decisions)
      if (decision.what === 'dialect' || decision.what === 'header') decision.evidence = REMEMBERED;
  return same;
}

const REMEMBERED = 'as before: the file begins with the same bytes';
// The encoding is found each time.
const SAME = ['format', 'delimiter', 'quote', 'escape', 'lineEnding', 'headerRows', 'preambleRows', 'columns'] as const;

const digest = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex').slice(0, 16);

// In the order in which they are decided, with the decision that gives the evidence. Column names are the schema guards' to tell.
const EVIDENCE = {
  container: 'container',
  format: 'format',
  table: undefined,
  encoding: 'encoding',
  delimiter: 'dialect',
  quote: 'dialect',
  preambleRows: 'header',
  headerRows: 'header',
  records: 'records',
} as const satisfies Partial<Record<keyof Detection, Decision['what'] | undefined>>;
const DECIDED = Object.keys(EVIDENCE) as (keyof typeof EVIDENCE)[];

function changesBetween(before: Detection, now: Detection, decisions: Decision[]): string[] {
  return DECIDED.flatMap((field) => {
    const [was, is] = [before[field], now[field]];
    // ASCII alone contradicts no encoding.
    if (was === is || (field === 'encoding' && (was === undefined || is === undefined))) return [];
    const why = decisions.findLast(({ what }) => what === EVIDENCE[field]);
    return [`${field}: ${shown(was)} → ${shown(is)}${why === undefined ? '' : ` (${why.evidence})`}`];
  });
}

const shown = (value: string | number | undefined): string => (value === undefined ? '–' : JSON.stringify(value));

const changedWarning = (file: string, changes: string[]): SyncWarning => ({
  code: 'source.reading-changed',
  message: `${file} is written otherwise than before: ${changes.join('; ')}. Rows were read the new way; if that is wrong, say the right one in the connector's config. 文件的写法与上次不同，已按新写法读取；如有误请在连接器配置中写明`,
});
