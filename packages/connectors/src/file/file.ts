import {
  type Connector,
  createDetectionMemory,
  hashFile,
  type ReadContext,
  readingFor,
  readingOf,
  readingOptionsSchema,
  readTables,
  type SourceMessage,
  softDeleteShape,
  sourceError,
  streamsOf,
  throwIfAborted,
  tooLarge,
  withDeletions,
} from '@songhua/connector-sdk';
import type { SourceFile } from '@songhua/contracts';
import { z } from 'zod';
import { type FoundFile, fileError, findFiles } from './roots.js';
import { type FileCursor, parseCursor, type SeenFile, sameValidators, validatorsOf } from './validators.js';

const configSchema = z.strictObject({
  /** A path or glob, relative to an allowed root folder or absolute inside one. Several files are one table. */
  path: z.string().min(1).max(4096),
  ...softDeleteShape,
  ...readingOptionsSchema.shape,
});
export type FileConfig = z.infer<typeof configSchema>;

/** Reads files on this machine or a mounted share; only inside `roots` (absolute folders, `department=` before those of one alone). */
export function createFileConnector(options: { roots: string[] }): Connector<FileConfig> {
  const { roots } = options;
  return {
    kind: 'file',
    title: { zh: '文件', en: 'Files' },
    configSchema,
    async test(context) {
      const files = await findFiles(context.config.path, roots, context.department);
      const streams = await streamsOf(files.slice(0, 1), readingFor(context));
      return { message: `${files.length} file(s), ${streams[0]?.columns.length ?? 0} columns` };
    },
    async discover(context) {
      return streamsOf(await findFiles(context.config.path, roots, context.department), readingFor(context));
    },
    read: (context) => withDeletions(context, read(context, roots)),
  };
}

async function* read(context: ReadContext<FileConfig>, roots: string[]): AsyncGenerator<SourceMessage> {
  const { config, signal, limits } = context;
  throwIfAborted(signal);
  const reading = readingOf(config);
  const known = parseCursor(context.cursor, reading);
  const files = await findFiles(config.path, roots, context.department);
  const before = await Promise.all(files.map(validatorsOf));
  if (known && isUntouched(known, files, before)) {
    yield { type: 'unchanged' };
    return;
  }
  if (before.reduce((sum, file) => sum + file.bytes, 0) > limits.maxBytes) throw tooLarge(limits.maxBytes);

  const seen: SeenFile[] = [];
  for (const [index, file] of files.entries()) {
    const { modifiedAt: _, ...validators } = at(before, index);
    seen.push({ name: file.name, ...validators, sha256: await hash(file, signal) });
  }
  const cursor = { version: 1, reading, files: seen } satisfies FileCursor;
  const memory = createDetectionMemory(known?.detections);
  if (known && hasSameContent(known, seen)) {
    await assertUnchanged(files, seen, signal);
    yield { type: 'unchanged', validators: { ...cursor, detections: known.detections } };
    return;
  }

  const sources: SourceFile[] = seen.map((file, index) => ({
    name: file.name,
    bytes: file.bytes,
    sha256: file.sha256,
    modifiedAt: at(before, index).modifiedAt,
  }));
  try {
    yield* readTables(files, { ...readingFor(context), memory });
  } catch (error) {
    // A file that is being rewritten looks broken; say what is really the matter.
    if (!signal.aborted) await assertUnchanged(files, seen, signal);
    throw error;
  }
  await assertUnchanged(files, seen, signal);
  yield {
    type: 'end',
    files: sources,
    cursor: { ...cursor, detections: memory.kept },
    warnings: memory.warnings,
  };
}

const at = <T>(items: T[], index: number): T => items[index] as T;

const isUntouched = (known: FileCursor, files: FoundFile[], now: Awaited<ReturnType<typeof validatorsOf>>[]): boolean =>
  known.files.length === files.length &&
  known.files.every((file, index) => {
    const validators = now[index];
    return (
      file.name === files[index]?.name && !file.racy && validators !== undefined && sameValidators(file, validators)
    );
  });

const hasSameContent = (known: FileCursor, seen: SeenFile[]): boolean =>
  known.files.length === seen.length &&
  known.files.every((file, index) => file.name === seen[index]?.name && file.sha256 === seen[index]?.sha256);

const hash = (file: FoundFile, signal: AbortSignal): Promise<string> =>
  hashFile(file.path, signal).catch((error: unknown) => {
    throw fileError(file.name, error);
  });

/** Throws when a file is no longer what was hashed; a racy one is hashed again because its validators may not tell. */
async function assertUnchanged(files: FoundFile[], seen: SeenFile[], signal: AbortSignal): Promise<void> {
  for (const [index, file] of files.entries()) {
    const was = at(seen, index);
    const now = await validatorsOf(file);
    if (sameValidators(was, now) && (!was.racy || (await hash(file, signal)) === was.sha256)) continue;
    throw sourceError(
      'source.changed-while-reading',
      `${file.name} changed while it was being read; it is read again, and if this keeps happening, write it under another name and rename it when complete`,
      { details: { file: file.name } },
    );
  }
}
