import { join } from 'node:path';
import {
  createDetectionMemory,
  detectionSchema,
  type LocalFile,
  type ReadContext,
  type ReadingOptions,
  readingFor,
  readingOf,
  readTables,
  type SourceMessage,
  type StreamInfo,
  sourceError,
  streamsOf,
  throwIfAborted,
  tooLarge,
} from '@songhua/connector-sdk';
import type { Cursor, SourceFile } from '@songhua/contracts';
import { z } from 'zod';
import type { RemoteFile, RemoteFiles } from './types.js';

const seenSchema = z.object({ name: z.string(), validator: z.string().optional(), sha256: z.string() });
const cursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  files: z.array(seenSchema),
  detections: z.array(detectionSchema).optional().catch(undefined),
});
type RemoteCursor = z.infer<typeof cursorSchema>;
type Seen = z.infer<typeof seenSchema>;

// A cursor stays far below the limit of a message, and a folder of more files than this is an archive, not a delivery.
const MAX_FILES = 5_000;

interface Fetched {
  file: RemoteFile;
  local: LocalFile;
  source: SourceFile;
}

/**
 * Reads the files of `remote` as one table: in mode `full` all of them, in the other modes those that are new or changed since the
 * cursor, and then a file that is gone takes no row with it. Files are brought to the read's own folder first, so that is what it needs:
 * disk for all that is read, memory for none.
 */
export async function* readRemoteFiles(
  context: ReadContext<ReadingOptions>,
  remote: RemoteFiles,
): AsyncGenerator<SourceMessage> {
  const { signal, mode } = context;
  const reading = readingOf(context.config);
  const known = parseCursor(context.cursor, reading);
  const files = await listed(context, remote);
  const before = new Map(known?.files.map((seen) => [seen.name, seen]));
  const changed = files.filter((file) => !isSame(before.get(file.name), file));
  if (known && changed.length === 0 && (mode !== 'full' || files.length === known.files.length)) {
    yield { type: 'unchanged' };
    return;
  }
  const fetched = await fetchAll(context, remote, mode === 'full' || !known ? files : changed);
  const hashes = new Map(fetched.map(({ file, source }) => [file.name, source.sha256]));
  const seen = files.map((file): Seen => {
    const sha256 = hashes.get(file.name) ?? before.get(file.name)?.sha256 ?? '';
    return { name: file.name, sha256, ...(file.validator === undefined ? {} : { validator: file.validator }) };
  });
  const cursor: RemoteCursor = { version: 1, reading, files: seen };
  const toRead =
    mode === 'full' ? fetched : fetched.filter(({ file, source }) => before.get(file.name)?.sha256 !== source.sha256);
  if (known && (mode === 'full' ? sameContent(known.files, seen) : toRead.length === 0)) {
    yield { type: 'unchanged', validators: { ...cursor, detections: known.detections } };
    return;
  }
  throwIfAborted(signal);
  const memory = createDetectionMemory(known?.detections);
  yield* readTables(
    toRead.map(({ local }) => local),
    { ...readingFor(context), memory },
  );
  yield {
    type: 'end',
    files: toRead.map(({ source }) => source),
    cursor: { ...cursor, detections: memory.kept },
    warnings: memory.warnings,
  };
}

/** The streams of the files, found from the first one. */
export async function discoverRemoteFiles(
  context: ReadContext<ReadingOptions>,
  remote: RemoteFiles,
): Promise<StreamInfo[]> {
  const [first] = await listed(context, remote);
  if (first === undefined) return [];
  const fetched = await fetchAll(context, remote, [first]);
  return streamsOf(
    fetched.map(({ local }) => local),
    readingFor(context),
  );
}

async function listed({ signal }: ReadContext<ReadingOptions>, remote: RemoteFiles): Promise<RemoteFile[]> {
  throwIfAborted(signal);
  const files = await remote.list();
  throwIfAborted(signal);
  if (files.length === 0)
    throw sourceError('source.missing', "no file matches the connector's path; put the file there or correct the path");
  if (files.length > MAX_FILES)
    throw sourceError(
      'source.too-large',
      `${files.length} files match, more than ${MAX_FILES}; narrow the path, or move old files away`,
    );
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function fetchAll(
  { tempDir, limits, signal }: ReadContext<ReadingOptions>,
  remote: RemoteFiles,
  files: RemoteFile[],
): Promise<Fetched[]> {
  if (files.reduce((sum, file) => sum + file.bytes, 0) > limits.maxBytes) throw tooLarge(limits.maxBytes);
  const fetched: Fetched[] = [];
  let left = limits.maxBytes;
  for (const [index, file] of files.entries()) {
    throwIfAborted(signal);
    const path = join(tempDir, `file-${index}`);
    const { bytes, sha256 } = await remote.fetch(file, path);
    left -= bytes;
    if (left < 0) throw tooLarge(limits.maxBytes);
    fetched.push({
      file,
      local: { name: file.name, path },
      source: { name: file.name, bytes, sha256, modifiedAt: file.modifiedAt },
    });
  }
  return fetched;
}

const isSame = (seen: Seen | undefined, file: RemoteFile): boolean =>
  seen !== undefined && file.validator !== undefined && seen.validator === file.validator;

const sameContent = (a: Seen[], b: Seen[]): boolean =>
  a.length === b.length && a.every((file, index) => file.name === b[index]?.name && file.sha256 === b[index]?.sha256);

function parseCursor(cursor: Cursor | undefined, reading: string): RemoteCursor | undefined {
  const parsed = cursorSchema.safeParse(cursor);
  return parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
}
