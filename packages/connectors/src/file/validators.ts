import { stat } from 'node:fs/promises';
import { detectionSchema, sourceError } from '@songhua/connector-sdk';
import type { Cursor } from '@songhua/contracts';
import { z } from 'zod';
import { type FoundFile, fileError } from './roots.js';

/** What the file system says of a file: equal validators mean equal content, unless the file is racy. Nanoseconds as text. */
export interface Validators {
  bytes: number;
  mtimeNs: string;
  ctimeNs: string;
  inode: string;
}

const fileCursorSchema = z.object({
  name: z.string(),
  bytes: z.number(),
  mtimeNs: z.string(),
  ctimeNs: z.string(),
  inode: z.string(),
  sha256: z.string(),
  racy: z.boolean(),
});
const cursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  files: z.array(fileCursorSchema),
  detections: z.array(detectionSchema).optional().catch(undefined),
});
export type FileCursor = z.infer<typeof cursorSchema>;
export type SeenFile = z.infer<typeof fileCursorSchema>;

// As git does: a clock tick or a coarse file system may hide a second write in the same instant, and two seconds (FAT) is the coarsest.
const RACY_NS = 2_000_000_000n;

/** Validators of `file` and whether it was touched so recently that they may not show the next change. */
export async function validatorsOf(file: FoundFile): Promise<Validators & { racy: boolean; modifiedAt: string }> {
  const seenNs = BigInt(Date.now()) * 1_000_000n;
  const found = await stat(file.path, { bigint: true }).catch((error: unknown) => {
    throw fileError(file.name, error);
  });
  if (!found.isFile())
    throw sourceError(
      'source.unreadable',
      `${file.name} is not a file; name a file, or a glob such as ${file.name}/*.csv`,
    );
  return {
    bytes: Number(found.size),
    mtimeNs: String(found.mtimeNs),
    ctimeNs: String(found.ctimeNs),
    inode: String(found.ino),
    racy: [found.mtimeNs, found.ctimeNs].some((touched) => touched > seenNs - RACY_NS),
    modifiedAt: found.mtime.toISOString(),
  };
}

export const sameValidators = (a: Validators, b: Validators): boolean =>
  a.bytes === b.bytes && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode;

/** The cursor as this kind wrote it, or undefined: none, of another version, or of a different way of reading. */
export function parseCursor(cursor: Cursor | undefined, reading: string): FileCursor | undefined {
  const parsed = cursorSchema.safeParse(cursor);
  return parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
}
