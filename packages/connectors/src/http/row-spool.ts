import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { cutRows, remapCsv, type SourceMessage, unifyColumns } from '@songhua/connector-sdk';
import { MAX_BATCH_BYTES, type RejectedRow, type SourceColumn } from '@songhua/contracts';

/** Bytes of the spool that hold whole rows of one set of columns, or rejected rows. */
interface Segment {
  /** Index into the sets of columns; -1 for rejected rows. */
  columns: number;
  at: number;
  bytes: number;
  rows: number;
}

export interface RowSpool {
  /** Rows in canonical CSV of these columns. */
  rows(columns: SourceColumn[], csv: Buffer, rows: number): Promise<void>;
  rejected(rows: RejectedRow[]): Promise<void>;
  /** Columns that a page has although it has no rows. */
  columns(columns: SourceColumn[]): void;
  /** All columns by name: those of `first`, then in the order in which they came. */
  unified(first: SourceColumn[]): SourceColumn[];
  readonly isEmpty: boolean;
  /** SHA-256 over what was spooled, hex. */
  digest(): string;
  /** The rows under `unified(first)`, as `rows` and `rejected`. */
  messages(first: SourceColumn[]): AsyncGenerator<SourceMessage>;
  close(): Promise<void>;
}

const REJECTED = -1;

/**
 * Keeps the rows of many pages in a file until the columns of all are known. In memory is what it holds for each 512 KiB of rows, and
 * each set of columns once.
 */
export async function openRowSpool(path: string): Promise<RowSpool> {
  const file = await open(path, 'w+');
  const sets: SourceColumn[][] = [];
  const setByName = new Map<string, number>();
  const segments: Segment[] = [];
  const content = createHash('sha256');
  let size = 0;
  const setOf = (columns: SourceColumn[]): number => {
    const name = JSON.stringify(columns);
    const known = setByName.get(name);
    if (known !== undefined) return known;
    setByName.set(name, sets.push(columns) - 1);
    content.update(name);
    return sets.length - 1;
  };
  const append = async (columns: number, data: Buffer, rows: number): Promise<void> => {
    await writeAll(file, data, size);
    content.update(`${columns} ${data.length}\n`).update(data);
    const last = segments.at(-1);
    if (last?.columns === columns && last.bytes + data.length <= MAX_BATCH_BYTES) {
      last.bytes += data.length;
      last.rows += rows;
    } else segments.push({ columns, at: size, bytes: data.length, rows });
    size += data.length;
  };
  const unify = (first: SourceColumn[]) => unifyColumns([first, ...sets]);
  return {
    rows: (columns, csv, rows) => append(setOf(columns), csv, rows),
    rejected: (rows) =>
      append(REJECTED, Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')), rows.length),
    columns: (columns) => void setOf(columns),
    unified: (first) => unify(first).columns,
    get isEmpty() {
      return size === 0;
    },
    digest: () => content.copy().digest('hex'),
    async *messages(first) {
      const { mappings } = unify(first);
      for (const { columns, at, bytes, rows } of segments) {
        const data = Buffer.allocUnsafe(bytes);
        await readAll(file, data, at);
        if (columns === REJECTED) yield { type: 'rejected', rows: rejectedRows(data) };
        else {
          const mapping = mappings[columns + 1];
          if (mapping === undefined) yield { type: 'rows', csv: data, rows };
          else for (const part of cutRows(remapCsv(data, mapping), MAX_BATCH_BYTES)) yield { type: 'rows', ...part };
        }
      }
    },
    close: () => file.close(),
  };
}

const rejectedRows = (data: Buffer): RejectedRow[] =>
  data
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RejectedRow);

async function writeAll(file: FileHandle, data: Buffer, at: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await file.write(data, done, data.length - done, at + done);
    done += bytesWritten;
  }
}

async function readAll(file: FileHandle, data: Buffer, at: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesRead } = await file.read(data, done, data.length - done, at + done);
    if (bytesRead === 0) throw new Error('the spool of rows is shorter than what was written to it');
    done += bytesRead;
  }
}
