import { join } from 'node:path';
import {
  createDetectionMemory,
  detectionSchema,
  type ReadContext,
  readingFor,
  readingOf,
  readTables,
  type SourceMessage,
  sourceError,
} from '@songhua/connector-sdk';
import { z } from 'zod';
import type { CkanConfig } from './config.js';
import type { Portal } from './portal.js';
import type { Resource } from './resource.js';

const cursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  /** What the portal says of the resource. */
  said: z.string(),
  sha256: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  detections: z.array(detectionSchema).optional().catch(undefined),
});
type FileCursor = z.infer<typeof cursorSchema>;

/** Reads the file of a resource, when it changed. */
export async function* readFileOf(
  context: ReadContext<CkanConfig>,
  portal: Portal,
  resource: Resource,
): AsyncGenerator<SourceMessage> {
  const reading = readingOf(context.config);
  const parsed = cursorSchema.safeParse(context.cursor);
  const known = parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
  const said = JSON.stringify([resource.id, resource.url, resource.hash, resource.last_modified]);
  // CKAN notes each upload to the microsecond; of a link it knows nothing.
  const uploaded = resource.url_type === 'upload' && Boolean(resource.last_modified);
  if (known && uploaded && known.said === said) return yield { type: 'unchanged' };
  const { path, name, download } = await fetchFile(context, portal, { resource, known });
  if (download === undefined) return yield { type: 'unchanged', ...(known && { validators: { ...known, said } }) };
  const { sha256, etag, bytes, lastModified } = download;
  const cursor: FileCursor = { version: 1, reading, said, sha256, ...(etag === undefined ? {} : { etag }) };
  if (known?.sha256 === sha256)
    return yield { type: 'unchanged', validators: { ...cursor, detections: known.detections } };
  const memory = createDetectionMemory(known?.detections);
  yield* readTables([{ name, path }], { ...readingFor(context), memory });
  const time = Date.parse(lastModified ?? resource.last_modified ?? '');
  yield {
    type: 'end',
    files: [{ name, bytes, sha256, ...(Number.isNaN(time) ? {} : { modifiedAt: new Date(time).toISOString() }) }],
    cursor: { ...cursor, detections: memory.kept },
    warnings: memory.warnings,
  };
}

/** Brings the file of a resource; `download` is undefined when it is as it was `known`. */
export async function fetchFile(
  { tempDir }: ReadContext<CkanConfig>,
  portal: Portal,
  { resource, known }: { resource: Resource; known?: FileCursor | undefined },
) {
  if (!resource.url)
    throw sourceError('source.missing', `resource ${resource.name || resource.id} has no file and no address`);
  const path = join(tempDir, 'resource');
  const headers: Record<string, string> = known?.etag === undefined ? {} : { 'if-none-match': known.etag };
  const download = await portal.download(resource.url, path, headers);
  return { path, name: nameOf(resource), download };
}

function nameOf({ url, name, id }: Resource): string {
  const last = (url ?? '').split(/[?#]/)[0]?.split('/').at(-1);
  try {
    return decodeURIComponent(last ?? '') || name || id;
  } catch {
    return last || name || id;
  }
}
