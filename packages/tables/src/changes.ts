import { join } from 'node:path';
import { differingRows, type TableFile } from './difference.js';
import type { Session } from './engine.js';
import { writeParquet } from './normalize/candidate.js';
import type { OutputFile } from './types.js';

export const PARQUET_TYPE = 'application/vnd.apache.parquet';

/** Writes `changes.parquet` of a version, after `findDifference`: the rows that it does not share with the one before. */
export async function writeChanges(
  session: Session,
  before: TableFile,
  file: TableFile,
  out: string,
): Promise<OutputFile> {
  const path = join(out, 'changes.parquet');
  await writeParquet(
    session,
    differingRows(before, file, (_, value) => value),
    path,
  );
  return { name: 'changes.parquet', path, mediaType: PARQUET_TYPE };
}
