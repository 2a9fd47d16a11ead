import { join } from 'node:path';
import {
  createDetectionMemory,
  type ReadContext,
  readingFor,
  readingOf,
  readTables,
  type SourceMessage,
} from '@songhua/connector-sdk';
import type { SourceFile } from '@songhua/contracts';
import type { HttpConfig } from './config.js';
import { type DocumentCursor, documentCursor } from './cursor.js';
import type { Download } from './download.js';
import { shown } from './errors.js';
import { planOf } from './plan.js';
import type { Session } from './session.js';

/** Reads the one document at the config's address, when it changed. */
export async function* readDocument(context: ReadContext<HttpConfig>, session: Session): AsyncGenerator<SourceMessage> {
  const { config, limits, tempDir } = context;
  const reading = readingOf(config);
  const known = documentCursor(context.cursor, reading);
  const path = join(tempDir, 'download');
  const headers = config.method === 'GET' ? conditionsOf(known) : {};
  const download = await session.fetch(planOf(config), { path, maxBytes: limits.maxBytes, headers });
  if (download === undefined) {
    yield { type: 'unchanged' };
    return;
  }
  const cursor = { version: 1, reading, sha256: download.sha256, ...validatorsOf(download) } satisfies DocumentCursor;
  if (known?.sha256 === download.sha256) {
    yield { type: 'unchanged', validators: { ...cursor, detections: known.detections } };
    return;
  }
  const file: SourceFile = {
    name: nameOf(download.url),
    bytes: download.bytes,
    sha256: download.sha256,
    ...modifiedAt(download.lastModified),
  };
  const memory = createDetectionMemory(known?.detections);
  yield* readTables([{ name: file.name, path }], { ...readingFor(context), memory });
  yield {
    type: 'end',
    files: [file],
    cursor: { ...cursor, detections: memory.kept },
    warnings: memory.warnings,
  };
}

function conditionsOf(known: DocumentCursor | undefined): Record<string, string> {
  if (known?.etag !== undefined) return { 'if-none-match': known.etag };
  return known?.lastModified === undefined ? {} : { 'if-modified-since': known.lastModified };
}

// RFC 9110 8.8.2.2: a date within the last seconds may hide a second change in the same second, so it is no validator yet.
const STRONG_AFTER_MS = 2000;

function validatorsOf({ etag, lastModified, date }: Download): { etag?: string; lastModified?: string } {
  if (etag !== undefined) return { etag };
  const age = Date.parse(date ?? '') - Date.parse(lastModified ?? '');
  return lastModified !== undefined && age >= STRONG_AFTER_MS ? { lastModified } : {};
}

function modifiedAt(lastModified: string | undefined): { modifiedAt?: string } {
  const time = Date.parse(lastModified ?? '');
  return Number.isNaN(time) ? {} : { modifiedAt: new Date(time).toISOString() };
}

/** The last part of an address, as people know the file. */
function nameOf(url: URL): string {
  const last = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || shown(url);
  } catch {
    return last;
  }
}
