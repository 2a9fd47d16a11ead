import type { FastifyReply, FastifyRequest } from 'fastify';
import fresh from 'fresh';
import parseRange from 'range-parser';
import type { PublishedFile } from './published-file.js';
import { verified } from './verified.js';

export interface SendOptions {
  /** The address names a version, so its bytes can never change. */
  pinned: boolean;
  /** The pinned address of what is sent. */
  location: string;
  modifiedAt: Date;
  /** Name for saving; absent to show it in place. */
  saveAs?: string;
}

/**
 * Serves a file by HTTP: strong ETag (its SHA-256), conditional requests, one byte range, HEAD.
 * Several ranges in one request are answered with the whole file, as RFC 9110 allows.
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: PublishedFile,
  options: SendOptions,
): Promise<FastifyReply> {
  const etag = `"${file.sha256}"`;
  // HTTP dates have whole seconds.
  const modified = new Date(Math.floor(options.modifiedAt.getTime() / 1000) * 1000).toUTCString();
  reply.headers({
    etag,
    'last-modified': modified,
    'accept-ranges': 'bytes',
    'content-type': file.mediaType,
    'cache-control': options.pinned ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-location': options.location,
    ...(options.saveAs && { 'content-disposition': `attachment; filename="${options.saveAs}"` }),
  });
  // `no-cache` is for caches on the way; fetch() adds it to every conditional request, which is still to be answered as one.
  const { 'cache-control': _, ...conditions } = request.headers;
  if (fresh(conditions, { etag, 'last-modified': modified })) return reply.status(304).send();

  const range = rangeOf(request, file.bytes, etag, modified);
  if (range === 'unsatisfiable')
    return reply
      .status(416)
      .headers({ 'content-range': `bytes */${file.bytes}`, 'content-type': 'application/problem+json; charset=utf-8' })
      .removeHeader('content-disposition')
      .send({
        type: 'urn:songhua:problem:range.unsatisfiable',
        title: 'The range is outside the file',
        status: 416,
        code: 'range.unsatisfiable',
        detail: `${file.name} has ${file.bytes} bytes; ask for a range within them`,
      });
  if (range) reply.status(206).header('content-range', `bytes ${range.start}-${range.end}/${file.bytes}`);
  reply.header('content-length', range ? range.end - range.start + 1 : file.bytes);
  if (request.method === 'HEAD') return reply.send();
  const body = await file.open(range);
  return reply.send(range ? body : verified(body, file));
}

function rangeOf(
  request: FastifyRequest,
  bytes: number,
  etag: string,
  modified: string,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const { range: header, 'if-range': ifRange } = request.headers;
  if (!header) return undefined;
  if (ifRange !== undefined && ifRange !== etag && ifRange !== modified) return undefined;
  const ranges = parseRange(bytes, header);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}
