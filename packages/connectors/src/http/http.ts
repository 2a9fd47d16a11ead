import { join } from 'node:path';
import {
  type Connector,
  createDetectionMemory,
  detectionSchema,
  type Network,
  type ReadContext,
  readingFor,
  readingOf,
  readingOptionsSchema,
  readTables,
  type SourceMessage,
  streamsOf,
  throwIfAborted,
} from '@songhua/connector-sdk';
import type { Cursor, SourceFile } from '@songhua/contracts';
import { z } from 'zod';
import { createDownloader, type Download, type Downloader, shown } from './download.js';

const configSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  /** Sent with every request; secrets do not belong here but in `secrets`. */
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string()).default({}),
  ...readingOptionsSchema.shape,
});
export type HttpConfig = z.infer<typeof configSchema>;

const httpCursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  sha256: z.string(),
  detections: z.array(detectionSchema).optional().catch(undefined),
});
type HttpCursor = z.infer<typeof httpCursorSchema>;

export type HttpConnector = Connector<HttpConfig> & { close(): Promise<void> };

/**
 * Downloads one file by HTTP. Secrets: `token` (Bearer), or `username` and `password` (Basic).
 */
export function createHttpConnector(): HttpConnector {
  // One a network, so that connections are kept between reads.
  const downloaders = new Map<Network, Downloader>();
  const downloaderOf = ({ network }: ReadContext<HttpConfig>): Downloader => {
    const known = downloaders.get(network) ?? createDownloader(network);
    downloaders.set(network, known);
    return known;
  };
  const fetched = async (context: ReadContext<HttpConfig>) => {
    const { path, download } = await fetchSource(downloaderOf(context), context, undefined);
    return download === undefined ? [] : [{ name: nameOf(download), path }];
  };
  return {
    kind: 'http',
    title: { zh: 'HTTP 下载', en: 'HTTP download' },
    configSchema,
    async test(context) {
      const streams = await streamsOf(await fetched(context), readingFor(context));
      return { message: `${streams[0]?.columns.length ?? 0} columns` };
    },
    async discover(context) {
      return streamsOf(await fetched(context), readingFor(context));
    },
    read: (context) => read(context, downloaderOf(context)),
    close: async () => {
      await Promise.all([...downloaders.values()].map((downloader) => downloader.close()));
    },
  };
}

async function* read(context: ReadContext<HttpConfig>, downloader: Downloader): AsyncGenerator<SourceMessage> {
  const { config, signal } = context;
  throwIfAborted(signal);
  const reading = readingOf(config);
  const known = parseCursor(context.cursor, reading);
  const { path, download } = await fetchSource(downloader, context, known);
  if (download === undefined) {
    yield { type: 'unchanged' };
    return;
  }
  const cursor = { version: 1, reading, sha256: download.sha256, ...validatorsOf(download) } satisfies HttpCursor;
  if (known?.sha256 === download.sha256) {
    yield { type: 'unchanged', validators: { ...cursor, detections: known.detections } };
    return;
  }
  const file: SourceFile = {
    name: nameOf(download),
    bytes: download.bytes,
    sha256: download.sha256,
    ...modifiedAt(download.lastModified),
  };
  const memory = createDetectionMemory(known?.detections);
  const lines = yield* readTables([{ name: file.name, path }], { ...readingFor(context), memory });
  yield {
    type: 'end',
    files: [file],
    lines,
    cursor: { ...cursor, detections: memory.kept },
    warnings: memory.warnings,
  };
}

async function fetchSource(downloader: Downloader, context: ReadContext<HttpConfig>, known: HttpCursor | undefined) {
  const { config, secrets, limits, signal, tempDir } = context;
  const path = join(tempDir, 'download');
  const headers: Record<string, string> = { ...config.headers };
  if (known?.etag !== undefined) headers['if-none-match'] = known.etag;
  else if (known?.lastModified !== undefined) headers['if-modified-since'] = known.lastModified;
  const download = await downloader.get(config.url, {
    headers,
    credentials: credentialsOf(secrets),
    path,
    maxBytes: limits.maxBytes,
    timeoutMs: limits.timeoutMs,
    signal,
  });
  return { path, download };
}

function credentialsOf(secrets: Record<string, string>): Record<string, string> {
  if (secrets.token !== undefined) return { authorization: `Bearer ${secrets.token}` };
  if (secrets.username === undefined) return {};
  const pair = Buffer.from(`${secrets.username}:${secrets.password ?? ''}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

// RFC 9110 8.8.2.2: a date within the last seconds may hide a second change in the same second, so it is no validator yet.
const STRONG_AFTER_MS = 2000;

function validatorsOf(download: Download): { etag?: string; lastModified?: string } {
  const { etag, lastModified, date } = download;
  if (etag !== undefined) return { etag };
  const age = Date.parse(date ?? '') - Date.parse(lastModified ?? '');
  return lastModified !== undefined && age >= STRONG_AFTER_MS ? { lastModified } : {};
}

function modifiedAt(lastModified: string | undefined): { modifiedAt?: string } {
  const time = Date.parse(lastModified ?? '');
  return Number.isNaN(time) ? {} : { modifiedAt: new Date(time).toISOString() };
}

function nameOf(download: Download): string {
  const last = download.url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || shown(download.url);
  } catch {
    return last;
  }
}

function parseCursor(cursor: Cursor | undefined, reading: string): HttpCursor | undefined {
  const parsed = httpCursorSchema.safeParse(cursor);
  return parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
}
